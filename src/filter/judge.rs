//! The judge: asked about samples on ticks, its verdicts counted and recorded as evidence.

use std::rc::Rc;

use super::exporter::Exporter;
use super::hostcalls;
use super::judge_link::JudgeLink;
use super::runtime::RolloutRuntime;
use super::shared_samples::SharedSamples;
use crate::analysis::{Measurements, Metric, Observation};
use crate::assignment::{EffectiveShare, Exposure, Version};
use crate::callout::{HttpCalls, HttpRequest};
use crate::config::JudgeConfig;
use crate::console::JudgeSpending;
use crate::feedback::FeedbackEvent;
use crate::judge::{
    JudgeError, JudgeQuestion, JudgeReply, JudgeTask, Ledger, PairVerdict, Preference,
    agreed_preference,
};
use crate::response::Tokens;
use crate::sampling::{Sample, Unjudged};
use crate::stats::names::{Counter, StatScope};

/// A question whose answer has not come. Dropping it, as the end of a configuration does, counts what it
/// may have cost: the judge answers all the same. It is no failure of the judge.
struct UnsettledCost<'a> {
    runtime: &'a RolloutRuntime,
    scope: StatScope,
    assumed: u64,
    is_settled: bool,
}

impl Drop for UnsettledCost<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.runtime.book_judge_cost(self.scope, self.assumed);
            self.runtime.count_unjudged(self.scope, Unjudged::Dropped, 1);
        }
    }
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Asks the judge about the samples that wait, as many as may be asked at the same time.
    pub fn tick_judge(self: &Rc<Self>) {
        let (Some(link), Some(config), Some(samples)) =
            (&self.judge, &self.config.judge, &self.samples)
        else {
            return;
        };
        samples.resume();
        self.update_spending(link, config);
        // Without a shadow step any more, no half is waited for.
        let dropped = samples.drop_halves(|ticket| {
            self.pairing.as_ref().is_some_and(|it| it.0.borrow().contains(ticket))
        });
        self.count_unjudged(StatScope::Shadow, Unjudged::Unpaired, dropped);
        if self.is_judge_stopped(link) {
            samples.clear(|scope| self.count_unjudged(scope, Unjudged::Dropped, 1));
            return;
        }
        while let Some(open) = link.questions.acquire(1, config.in_flight) {
            let Some(task) = samples.take() else { return };
            let runtime = Rc::clone(self);
            link.callouts.spawn(async move {
                let _open = open;
                runtime.judge_task(task).await;
            });
        }
    }

    /// Whether no questions are asked: the release was rolled back, or the ceiling of the cost is reached.
    fn is_judge_stopped(&self, link: &JudgeLink) -> bool {
        link.is_exhausted() || matches!(self.effective_share(), EffectiveShare::RolledBack)
    }

    /// No configuration of the rollout is left in this VM. Drops what waits for the judge, the receiver of
    /// samples, or the other half of a pair: it must not go to those of a later configuration.
    pub fn drop_waiting(&self) {
        SharedSamples::end(&self.config, |scope| self.count_unjudged(scope, Unjudged::Dropped, 1));
        Exporter::end(&self.config, &self.metrics);
        if let Some(pairing) = &self.pairing {
            self.metrics.count_pairs(&pairing.0.borrow_mut().clear());
        }
    }

    /// Follows what all VMs have spent today.
    fn update_spending(&self, link: &JudgeLink, config: &JudgeConfig) {
        let Ok(unix_ms) = hostcalls::wall_time_ns().map(|it| it / 1_000_000) else { return };
        let ledger = link.ledger(unix_ms);
        self.metrics.record_judge_spent(ledger.spent_microusd(unix_ms));
        let Some(max_cost) = config.max_cost_microusd else { return };
        let max_cost = Ledger::part_of_ceiling(max_cost, self.instances().unwrap_or(1));
        let is_exhausted = ledger.is_exhausted(max_cost, unix_ms);
        let was_exhausted = link.is_exhausted.replace(is_exhausted);
        let rollout = self.config.rollout.as_str();
        match (was_exhausted, is_exhausted) {
            (false, true) => log::warn!(
                "rollout {rollout}: the judge has cost judge.max_cost_per_day, or this Envoy's part of \
                 it in a fleet: no answers are judged \
                 until 00:00 UTC, and gates without evidence hold the ramp"
            ),
            (true, false) => log::info!("rollout {rollout}: answers are judged again"),
            _ => {}
        }
    }

    /// What the judge has cost; `None` without one.
    pub fn judge_spending(&self) -> Option<JudgeSpending> {
        let unix_ms = hostcalls::unix_ms();
        let ledger = self.judge.as_ref()?.ledger(unix_ms);
        Some(JudgeSpending { ledger, instances: self.instances() })
    }

    /// How many Envoys share the ceiling of the cost; `None` without a fleet.
    fn instances(&self) -> Option<u32> {
        let link = self.fleet.as_ref()?;
        Some(link.status().map_or(1, |it| it.instances()))
    }

    async fn judge_task(&self, task: JudgeTask) {
        match task {
            JudgeTask::Score(sample) => self.judge_answer(sample).await,
            JudgeTask::Pair { blue, green } => self.judge_pair(blue, green).await,
        }
    }

    /// Asks how good an answer is.
    async fn judge_answer(&self, sample: Rc<Sample>) {
        let (Some(config), scope) = (&self.config.judge, StatScope::Of(sample.version)) else {
            return;
        };
        let JudgeConfig { model, rubric, parameters, .. } = config;
        let messages = sample.messages(config.sampler.max_bytes);
        let texts = messages.and_then(|request| Ok((request, sample.answer()?)));
        let question = match texts {
            Ok((request, answer)) => {
                JudgeQuestion { model, rubric, parameters, request: &request }.score(answer)
            }
            Err(why) => {
                self.count_unjudged(scope, why, 1);
                return;
            }
        };
        let (version, exposure) = (sample.version, sample.exposure);
        // The texts are not needed while the judge thinks.
        drop(sample);
        let Some(reply) = self.call_judge(scope, question).await else { return };
        if let Some(score) = self.count_verdict(scope, &reply, JudgeReply::score) {
            self.metrics.count_judge(scope, Counter::Judged, 1);
            self.record_score(version, exposure, score);
        }
    }

    /// Asks which of both answers to a request is better, in both orders.
    async fn judge_pair(&self, blue: Rc<Sample>, green: Rc<Sample>) {
        let scope = StatScope::Shadow;
        // Without the first verdict there is no evidence, and no reason to ask again.
        let Some(blue_is_a) = self.ask_for_pair(&blue, &blue, &green).await else { return };
        let is_removed = self.samples.as_ref().is_some_and(|it| it.is_judge_removed());
        if is_removed || self.judge.as_ref().is_none_or(|link| self.is_judge_stopped(link)) {
            self.count_unjudged(scope, Unjudged::Dropped, 1);
            return;
        }
        let Some(blue_is_b) = self.ask_for_pair(&blue, &green, &blue).await else { return };
        let exposure = blue.exposure;
        self.metrics.count_judge(scope, Counter::Judged, 1);
        let preference = agreed_preference(blue_is_a, blue_is_b);
        let counter = match preference {
            None => Counter::JudgeInconsistent,
            Some(Preference::Blue) => Counter::PreferredBlue,
            Some(Preference::Green) => Counter::PreferredGreen,
            Some(Preference::Neither) => Counter::PreferredNeither,
        };
        self.metrics.count_judge(scope, counter, 1);
        if let (Some(preference), Some(exposure)) = (preference, exposure) {
            self.record_preference(preference, exposure);
        }
    }

    /// Asks which of two answers is better. The question is made now and not before, so that the
    /// texts of a pair are in one question at a time.
    async fn ask_for_pair(&self, of: &Sample, a: &Sample, b: &Sample) -> Option<PairVerdict> {
        let (JudgeConfig { model, rubric, parameters, sampler, .. }, scope) =
            (self.config.judge.as_ref()?, StatScope::Shadow);
        let messages = of.messages(sampler.max_bytes);
        let texts = messages.and_then(|request| Ok((request, a.answer()?, b.answer()?)));
        let question = match texts {
            Ok((request, a, b)) => {
                JudgeQuestion { model, rubric, parameters, request: &request }.pair(a, b)
            }
            Err(why) => {
                self.count_unjudged(scope, why, 1);
                return None;
            }
        };
        let reply = self.call_judge(scope, question).await?;
        self.count_verdict(scope, &reply, JudgeReply::pair)
    }

    /// Records as evidence which version's answer has lost.
    fn record_preference(&self, preference: Preference, exposure: Exposure) {
        let lost = |is_lost| Measurements::default().with_rate(Metric::Preference, is_lost);
        let of_blue = lost(preference == Preference::Green);
        let of_green = lost(preference == Preference::Blue);
        self.record_verdict(Version::Blue, exposure, of_blue, Some(of_green));
    }

    /// Asks the judge, and counts what that has cost.
    async fn call_judge(&self, scope: StatScope, question: Vec<u8>) -> Option<JudgeReply> {
        let (link, config) = (self.judge.as_ref()?, self.config.judge.as_ref()?);
        let bytes = question.len();
        let request = HttpRequest {
            method: "POST",
            path: config.path.to_string(),
            headers: vec![("content-type", "application/json"), ("accept", "application/json")],
            body: question,
        };
        let price = |tokens: &Tokens| config.price.map_or(0, |price| price.cost(tokens));
        let most = JudgeReply::assumed_tokens(bytes, config.parameters.max_tokens());
        let assumed = price(&most);
        let mut unsettled = UnsettledCost { runtime: self, scope, assumed, is_settled: false };
        let reply = JudgeReply::read(&link.cluster.call(request).await, most);
        unsettled.is_settled = true;
        self.book_judge_cost(scope, price(reply.tokens()));
        self.update_spending(link, config);
        Some(reply)
    }

    /// Counts what a question has cost, in millionths of a US dollar.
    fn book_judge_cost(&self, scope: StatScope, cost: u64) {
        let Some(link) = self.judge.as_ref().filter(|_| cost > 0) else { return };
        self.metrics.count_judge(scope, Counter::JudgeCostMicrousd, cost);
        let unix_ms = hostcalls::unix_ms();
        link.book(cost, unix_ms);
    }

    /// The verdict, or `None` after the error was counted.
    fn count_verdict<T>(
        &self,
        scope: StatScope,
        reply: &JudgeReply,
        verdict: impl FnOnce(&JudgeReply) -> Result<T, JudgeError>,
    ) -> Option<T> {
        let link = self.judge.as_ref()?;
        let rollout = self.config.rollout.as_str();
        match verdict(reply) {
            Ok(verdict) => {
                if link.failures.succeed() {
                    log::info!("rollout {rollout}: the judge gives verdicts again");
                }
                Some(verdict)
            }
            Err(error) => {
                self.count_judge_error(scope, error);
                if link.failures.fail() {
                    let detail = reply.detail();
                    log::warn!(
                        "rollout {rollout}: {error} ({detail}): such an answer is no evidence, and gates without \
                         evidence hold the ramp"
                    );
                }
                None
            }
        }
    }

    fn count_judge_error(&self, scope: StatScope, error: JudgeError) {
        self.metrics.count_judge(scope, Counter::JudgeErrors, 1);
        self.metrics.count_judge(scope, Counter::JudgeErrorsFor(error), 1);
    }

    /// Counts a score, and records it as evidence for the step that answered.
    fn record_score(&self, version: Version, exposure: Option<Exposure>, score: f32) {
        let event = FeedbackEvent { thumb: None, score: Some(score) };
        self.metrics.count_feedback(version, event, true);
        let score = Measurements::default().with_value(Metric::Score, score);
        if let Some(exposure) = exposure {
            self.record_verdict(version, exposure, score, None);
        }
    }

    /// Records a verdict for the step that answered.
    fn record_verdict(
        &self,
        version: Version,
        exposure: Exposure,
        measurements: Measurements,
        shadow: Option<Measurements>,
    ) {
        let Some(ramp) = &self.ramp else { return };
        let Exposure { unit, epoch, is_newly_exposed } = exposure;
        ramp.worker().record(Observation {
            at_ns: hostcalls::monotonic_time_ns().unwrap_or_default(),
            unit,
            epoch,
            version,
            is_newly_exposed,
            is_assignment: false,
            measurements,
            shadow,
        });
    }

    pub(super) fn count_unjudged(&self, scope: StatScope, why: Unjudged, count: u64) {
        if count > 0 {
            self.metrics.count_judge(scope, Counter::Unjudged(why), count);
        }
    }
}
