'use strict';
(() => {
  const EVERY_MS = 2000;
  const id = (name) => document.getElementById(name);
  const live = id('live'), news = id('news'), ask = id('ask'), form = ask.querySelector('form');
  document.documentElement.classList.add('js');

  // --- Refresh, which keeps focus, selection, scroll positions and open details ---

  const statuses = () => new Map([...document.querySelectorAll('.rollout')].map(
    (it) => [it.getAttribute('aria-labelledby'), it.dataset.news]));

  const show = (text) => {
    const next = new DOMParser().parseFromString(text, 'text/html');
    const main = next.getElementById('main');
    if (!main) throw new Error('no page');
    const selection = getSelection();
    if (!selection.isCollapsed && id('main').contains(selection.anchorNode)) return false;
    const before = statuses();
    const open = new Set([...document.querySelectorAll('main details[open]')].map((it) => it.id));
    const focused = document.activeElement && finder(document.activeElement);
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

  // A function that finds the element again after a refresh.
  const finder = (it) => {
    if (!id('main').contains(it)) return null;
    if (it.id) return () => id(it.id);
    const owner = it.closest('details');
    if (it.localName === 'summary' && owner) return () => id(owner.id)?.querySelector('summary');
    const at = [...document.querySelectorAll('main .wide')].indexOf(it);
    return () => document.querySelectorAll('main .wide')[at];
  };

  let timer = 0, latest = 0;
  const refresh = async () => {
    clearTimeout(timer);
    const mine = ++latest;
    let lost = 'Envoy cannot be reached';
    try {
      const response = await fetch(location.pathname, {
        cache: 'no-store', signal: AbortSignal.timeout(5 * EVERY_MS) });
      if (!response.ok) {
        lost = `The answer has the HTTP status ${response.status}`;
        throw new Error(lost);
      }
      const text = await response.text();
      if (mine !== latest) return;
      setLive(show(text) ? 'Live' : 'Not refreshed while text is selected', false);
    } catch {
      if (mine !== latest) return;
      setLive(`${lost}: this page is out of date`, true);
    }
    if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
  };
  const setLive = (text, isLost) => {
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle('lost', isLost);
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) clearTimeout(timer); else refresh();
  });
  setLive('Live', false);
  timer = setTimeout(refresh, EVERY_MS);

  // --- Operator commands ---

  // Title, meaning, and the button's label.
  const COMMANDS = {
    approve: ['Approve the next step', 'Green gets the share of the next step: ', 'Approve'],
    pause: ['Pause', 'Green keeps its share until an operator resumes. Tripwires and gates stay active.', 'Pause'],
    resume: ['Resume', 'The last command ends: the ramp continues in its current step, or the weights of the configuration apply again.', 'Resume'],
    weights: ['Set weights manually', 'Green gets this share until an operator changes it. A ramp is paused.', 'Set weights'],
    promote: ['Promote green', 'All users move to green, whatever the evidence.', 'Promote'],
    rollback: ['Roll back to blue', 'All users move to blue immediately. A ramp ends; only a configuration change restarts it.', 'Roll back'],
  };
  // The token is kept here only, and forgotten with the page.
  let token = '', command = '', rollout = '', step = '', shadow = '', share = '', isConfirmed = false, opener = '';

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-order]');
    if (!button) return;
    ({ order: command, rollout, step = '', shadow = '', share = '' } = button.dataset);
    opener = button.id;
    form.reset();
    showStep(false);
    ask.showModal();
    (command === 'weights' ? form.green : form.reason).focus();
  });

  // Shows the dialog's first step, or its second one, the confirmation.
  const showStep = (second) => {
    isConfirmed = second;
    const [what, meaning, go] = COMMANDS[command];
    const means = share ? `${meaning}${share}.` : meaning;
    id('ask-what').textContent = second ? `${what}: are you sure?` : `${what}: ${rollout}`;
    id('ask-means').textContent = second ? `${means} Rollout: ${rollout}. Reason: ${form.reason.value.trim()}` : means;
    id('ask-first').hidden = second;
    id('ask-weights').hidden = command !== 'weights';
    id('ask-token').hidden = token !== '';
    id('ask-answer').textContent = '';
    id('ask-go').textContent = second ? `Yes, ${go.toLowerCase()}` : go;
    id('ask-go').classList.toggle('sure', second || command === 'rollback');
    id('ask-cancel').textContent = second ? 'Back' : 'Cancel';
  };
  const refuse = (text, field) => {
    id('ask-answer').textContent = text;
    if (field) field.focus();
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!form.reason.value.trim()) return refuse('A reason is required. The log shows it.', form.reason);
    if (command === 'weights' && !(/^\d{1,3}$/.test(form.green.value) && Number(form.green.value) <= 100)) {
      return refuse('Enter a whole number from 0 to 100.', form.green);
    }
    const typed = form.token.value.trim();
    if (!token && !typed) return refuse('A token is required.', form.token);
    if (!token && !/^[\x21-\x7e]+$/.test(typed)) {
      return refuse('The token contains a character that no token can contain. Copy it again.', form.token);
    }
    if ((command === 'rollback' || command === 'promote') && !isConfirmed) {
      showStep(true);
      return id('ask-cancel').focus();
    }
    send();
  });

  const send = async () => {
    const given = token || form.token.value.trim();
    const body = { reason: form.reason.value.trim() };
    if (command === 'weights') {
      const green = Number(form.green.value);
      body.weights = { blue: 100 - green, green };
    }
    if (step) body.step = Number(step);
    if (shadow) body.shadow = shadow === 'true';
    id('ask-go').disabled = true;
    // In a header, because not every filter can wait for a body.
    const ascii = JSON.stringify(body).replace(/[\u007f-\uffff]/g,
      (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`);
    try {
      const response = await fetch(`${command}?rollout=${encodeURIComponent(rollout)}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${given}`, 'x-verdigris-command': ascii },
        signal: AbortSignal.timeout(30000) });
      const text = (await response.text()).trim() || `HTTP status ${response.status}`;
      const isWrong = response.status === 401 || response.status === 429;
      if (isWrong) token = '';
      if (response.ok) {
        token = given;
        ask.close();
        news.textContent = text;
        toast(text);
      } else {
        showStep(false);
        refuse(text, isWrong ? form.token : null);
      }
    } catch {
      refuse('No answer has come, and the command may still take effect. Check the decisions before you repeat it.');
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
    if (!isConfirmed) return ask.close();
    showStep(false);
    form.reason.focus();
  });
  ask.addEventListener('close', () => { form.token.value = ''; id(opener)?.focus(); });
})();
