'use strict';
(() => {
  const EVERY_MS = 2000;
  const id = (name) => document.getElementById(name);
  const live = id('live'), news = id('news'), ask = id('ask'), form = ask.querySelector('form');
  document.documentElement.classList.add('js');

  // --- Newer numbers, without taking anything from who reads ---

  const told = () => new Map([...document.querySelectorAll('.rollout')].map(
    (it) => [it.getAttribute('aria-labelledby'), it.dataset.news]));

  const show = (text) => {
    const next = new DOMParser().parseFromString(text, 'text/html');
    const main = next.getElementById('main');
    if (!main) throw new Error('no page');
    const selection = getSelection();
    if (!selection.isCollapsed && id('main').contains(selection.anchorNode)) return false;
    const before = told();
    const open = new Set([...document.querySelectorAll('main details[open]')].map((it) => it.id));
    const focused = document.activeElement && place(document.activeElement);
    const scrolled = [...document.querySelectorAll('main .wide')].map((it) => it.scrollLeft);
    for (const it of main.querySelectorAll('details')) it.open = open.has(it.id);
    id('main').replaceWith(document.adoptNode(main));
    document.querySelectorAll('main .wide').forEach((it, at) => { it.scrollLeft = scrolled[at] || 0; });
    if (focused) focused()?.focus({ preventScroll: true });
    document.title = next.title;
    const changed = [...document.querySelectorAll('.rollout')].filter(
      (it) => before.get(it.getAttribute('aria-labelledby')) !== it.dataset.news);
    if (changed.length) {
      news.textContent = changed.map((it) => it.querySelector('.headline').textContent).join(' ');
    }
    return true;
  };

  // How to find again what has the focus.
  const place = (it) => {
    if (!id('main').contains(it)) return null;
    if (it.id) return () => id(it.id);
    const owner = it.closest('details');
    if (it.localName === 'summary' && owner) return () => id(owner.id)?.querySelector('summary');
    const at = [...document.querySelectorAll('main .wide')].indexOf(it);
    return () => document.querySelectorAll('main .wide')[at];
  };

  let timer = 0, asked = 0;
  const refresh = async () => {
    clearTimeout(timer);
    const mine = ++asked;
    try {
      const answer = await fetch(location.pathname, {
        cache: 'no-store', signal: AbortSignal.timeout(5 * EVERY_MS) });
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      if (mine !== asked) return;
      say(show(text) ? 'Live' : 'Not renewed while text is selected', false);
    } catch {
      if (mine !== asked) return;
      say('Envoy cannot be reached: these numbers are old', true);
    }
    if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
  };
  const say = (text, isLost) => {
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle('lost', isLost);
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) clearTimeout(timer); else refresh();
  });
  say('Live', false);
  timer = setTimeout(refresh, EVERY_MS);

  // --- Steering ---

  const ORDERS = {
    approve: ['Let the ramp into its next step', 'Green gets the next step’s share: ', 'Approve'],
    pause: ['Pause', 'Green keeps its share until somebody resumes. Tripwires and gates go on.', 'Pause'],
    resume: ['Resume', 'What was ordered ends: the ramp goes on from the step at hand, or the configuration’s weights hold again.', 'Resume'],
    weights: ['Set the weights by hand', 'Green gets this share until somebody says otherwise. A ramp is paused.', 'Set weights'],
    promote: ['Promote green', 'Everyone is sent to green, whatever the evidence says.', 'Promote'],
    rollback: ['Roll back to blue', 'Everyone is sent to blue at once. A ramp ends with it, and begins again only by its configuration.', 'Roll back'],
  };
  // Who has the page open has typed it once; it is nowhere but here.
  let token = '', order = '', rollout = '', step = '', share = '', isSure = false, opener = '';

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-order]');
    if (!button) return;
    ({ order, rollout, step = '', share = '' } = button.dataset);
    opener = button.id;
    form.reset();
    stage(false);
    ask.showModal();
    (order === 'weights' ? form.green : form.reason).focus();
  });

  const stage = (second) => {
    isSure = second;
    const [what, meaning, go] = ORDERS[order];
    const means = share ? `${meaning}${share}.` : meaning;
    id('ask-what').textContent = second ? `${what}: are you sure?` : `${what}: ${rollout}`;
    id('ask-means').textContent = second ? `${means} Rollout ${rollout}, because: ${form.reason.value.trim()}` : means;
    id('ask-first').hidden = second;
    id('ask-weights').hidden = order !== 'weights';
    id('ask-token').hidden = token !== '';
    id('ask-answer').textContent = '';
    id('ask-go').textContent = second ? `Yes, ${go.toLowerCase()}` : go;
    id('ask-go').classList.toggle('sure', second);
    id('ask-cancel').textContent = second ? 'Back' : 'Cancel';
  };
  const refuse = (text, field) => {
    id('ask-answer').textContent = text;
    if (field) field.focus();
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!form.reason.value.trim()) return refuse('Say why: others read it later.', form.reason);
    if (order === 'weights' && !(/^\d{1,3}$/.test(form.green.value) && Number(form.green.value) <= 100)) {
      return refuse('Write a whole number from 0 to 100.', form.green);
    }
    const typed = form.token.value.trim();
    if (!token && !typed) return refuse('The token is needed to steer.', form.token);
    if (!token && !/^[\x21-\x7e]+$/.test(typed)) {
      return refuse('The token has a character in it that no token has: look how it was copied.', form.token);
    }
    if ((order === 'rollback' || order === 'promote') && !isSure) {
      stage(true);
      return id('ask-cancel').focus();
    }
    send();
  });

  const send = async () => {
    const given = token || form.token.value.trim();
    const body = { reason: form.reason.value.trim() };
    if (order === 'weights') {
      const green = Number(form.green.value);
      body.weights = { blue: 100 - green, green };
    }
    if (step) body.step = Number(step);
    id('ask-go').disabled = true;
    try {
      const answer = await fetch(`${order}?rollout=${encodeURIComponent(rollout)}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${given}`, 'content-type': 'application/json' },
        body: JSON.stringify(body), signal: AbortSignal.timeout(5 * EVERY_MS) });
      const text = (await answer.text()).trim() || `HTTP status ${answer.status}`;
      if (answer.status === 401) token = '';
      if (answer.ok) {
        token = given;
        ask.close();
        news.textContent = text;
        toast(text);
      } else {
        stage(false);
        refuse(text, answer.status === 401 ? form.token : null);
      }
    } catch {
      refuse('Envoy cannot be reached. Nobody knows whether the order arrived: look before you repeat it.');
    } finally {
      id('ask-go').disabled = false;
    }
    refresh();
  };

  const toast = (text) => {
    let it = id('done');
    if (!it) {
      it = document.createElement('p');
      it.id = 'done';
      it.className = 'toast';
      document.body.append(it);
    }
    it.textContent = text;
    setTimeout(() => { if (it.textContent === text) it.remove(); }, 8000);
  };

  id('ask-cancel').addEventListener('click', () => {
    if (!isSure) return ask.close();
    stage(false);
    form.reason.focus();
  });
  ask.addEventListener('close', () => { form.token.value = ''; id(opener)?.focus(); });
})();
