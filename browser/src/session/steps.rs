//! What is done between the navigation and the response: waits, scrolling, and the action that the request names.

use std::time::Duration;

use silkroute_core::{FetchError, FetchErrorKind};
use tokio::time::Instant;

use super::hooks::{Page, PageHook};
use super::plan::Plan;
use super::response::{Step, StepOutcome};
use super::values::OnTimeout;
use crate::{Deadline, Document, Error, Tab, WaitUntil};

/// Of the time that is left, what a wait may take whose failure is to leave time for the body.
const SHARE: f64 = 0.8;

/// The steps of one fetch, as far as they have come.
pub(super) struct Steps<'a> {
    plan: &'a Plan<'a>,
    tab: &'a Tab,
    deadline: Deadline,
    done: Vec<Step>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, tab: &'a Tab, deadline: Deadline) -> Self {
        Self {
            plan,
            tab,
            deadline,
            done: Vec::new(),
        }
    }

    /// What comes first of all that the request asks for: network idle, and the action. Whether there was anything to do.
    pub(super) async fn act(&mut self) -> Result<bool, FetchError> {
        let before = self.done.len();
        if self.plan.page.network_idle {
            self.network_idle().await?;
        }
        if let Some(action) = &self.plan.action {
            let began = Instant::now();
            self.hook("page_action", action).await?;
            self.note("page_action", StepOutcome::Done, began);
        }
        Ok(self.done.len() > before)
    }

    /// What comes then: the selector, scrolling, and a while. Whether there was anything to do.
    pub(super) async fn wait(&mut self) -> Result<bool, FetchError> {
        let before = self.done.len();
        let page = &self.plan.page;
        if let Some(selector) = &page.wait_selector {
            self.selector(selector).await?;
        }
        if let Some(scroll) = page.auto_scroll.get() {
            let began = Instant::now();
            let deadline = self.step_deadline();
            let scrolled = self.tab.auto_scroll(scroll.max_scrolls, scroll.quiet, deadline).await;
            let outcome = match scrolled {
                Ok(outcome) if outcome.complete => StepOutcome::Scrolled(outcome.scrolls),
                Ok(outcome) if outcome.scrolls >= scroll.max_scrolls => StepOutcome::StillGrowing(outcome.scrolls),
                Ok(_) | Err(Error::Timeout { .. }) => {
                    self.late("auto_scroll", deadline)?;
                    StepOutcome::TimedOut
                }
                Err(error) => return Err(self.failed("auto_scroll", error)),
            };
            self.note("auto_scroll", outcome, began);
        }
        if !page.wait.is_zero() {
            self.pause(page.wait).await?;
        }
        Ok(self.done.len() > before)
    }

    /// What was done.
    pub(super) fn done(self) -> Vec<Step> {
        self.done
    }

    /// What was done, and what was not because a challenge stands where the page should.
    pub(super) fn skip(mut self) -> Vec<Step> {
        for (option, _) in asked(self.plan) {
            if !self.done.iter().any(|step| step.name == option) {
                self.done.push(no_page(option));
            }
        }
        self.done
    }

    /// The same where the answer is no page. What the request itself wants of a page is then an error, as when it does not come.
    /// What the session says holds for pages: it fetches other things as well, such as `robots.txt`.
    pub(super) fn without_page(plan: &Plan<'_>, document: &Document) -> Result<Vec<Step>, FetchError> {
        let mut steps = Vec::new();
        for (option, needed) in asked(plan) {
            if needed && plan.page.on_timeout == OnTimeout::Error {
                let mime = Some(document.mime_type.as_str()).filter(|mime| !mime.is_empty());
                let message = format!(
                    "`{option}` needs a page, and the answer is none: status {}, {}",
                    document.status,
                    mime.unwrap_or("without a type")
                );
                let error = plan.error(FetchErrorKind::Page, message);
                return Err(error.hint("leave it out, or set `on_timeout` to continue to take the answer as it is"));
            }
            steps.push(no_page(option));
        }
        Ok(steps)
    }

    async fn network_idle(&mut self) -> Result<(), FetchError> {
        let began = Instant::now();
        let deadline = self.step_deadline();
        match self.tab.arrive(WaitUntil::NetworkIdle, deadline).await {
            Ok(_) => self.note("network_idle", StepOutcome::Done, began),
            Err(Error::Timeout { .. }) => {
                self.late("network_idle", deadline)?;
                self.note("network_idle", StepOutcome::TimedOut, began);
            }
            Err(error) => return Err(self.failed("network_idle", error)),
        }
        Ok(())
    }

    async fn selector(&mut self, selector: &str) -> Result<(), FetchError> {
        let began = Instant::now();
        let deadline = self.step_deadline();
        let state = self.plan.page.wait_selector_state;
        match self.tab.wait_for_selector(selector, state, deadline).await {
            Ok(()) => self.note("wait_selector", StepOutcome::Done, began),
            Err(error @ Error::Timeout { .. }) if self.plan.page.on_timeout == OnTimeout::Error => {
                return Err(self.failed("wait_selector", error));
            }
            Err(Error::Timeout { .. }) => self.note("wait_selector", StepOutcome::TimedOut, began),
            Err(error) => return Err(self.failed("wait_selector", error)),
        }
        Ok(())
    }

    /// A wait that is longer than the time that is left is told at once, or cut short where the page is to be taken all the same.
    async fn pause(&mut self, time: Duration) -> Result<(), FetchError> {
        let began = Instant::now();
        let left = self.deadline.remaining();
        let most = match self.plan.page.on_timeout {
            OnTimeout::Error if left <= time => {
                let message = "the time that is left is shorter than `wait`";
                return Err(self.plan.error(FetchErrorKind::Timeout, message));
            }
            OnTimeout::Error => time,
            OnTimeout::Continue => left.mul_f64(SHARE),
        };
        tokio::time::sleep(time.min(most)).await;
        let outcome = match time <= most {
            true => StepOutcome::Done,
            false => StepOutcome::TimedOut,
        };
        self.note("wait", outcome, began);
        Ok(())
    }

    /// Runs a closure of the session's, and waits for where it led.
    async fn hook(&self, option: &'static str, hook: &PageHook) -> Result<(), FetchError> {
        run_hook(self.plan, option, hook, self.tab, self.deadline).await
    }

    /// One step may take what `wait_timeout` says; without it all that is left, or a share of it where the page is to be
    /// taken all the same.
    fn step_deadline(&self) -> Deadline {
        let page = &self.plan.page;
        match (page.wait_timeout, page.on_timeout) {
            (Some(time), _) => self.deadline.capped(time),
            (None, OnTimeout::Error) => self.deadline,
            (None, OnTimeout::Continue) => self.deadline.capped(self.deadline.remaining().mul_f64(SHARE)),
        }
    }

    fn late(&self, option: &'static str, deadline: Deadline) -> Result<(), FetchError> {
        match self.plan.page.on_timeout {
            OnTimeout::Continue => Ok(()),
            OnTimeout::Error => Err(self.failed(option, deadline.error("it"))),
        }
    }

    fn note(&mut self, name: &'static str, outcome: StepOutcome, began: Instant) {
        self.done.push(Step::new(name, outcome, began.elapsed()));
    }

    fn failed(&self, option: &'static str, error: Error) -> FetchError {
        of_option(self.plan, option, error)
    }
}

/// The steps that are asked for, in their order, and whether the request itself counts on them.
fn asked(plan: &Plan<'_>) -> impl Iterator<Item = (&'static str, bool)> + use<> {
    let page = &plan.page;
    let all = [
        ("network_idle", page.network_idle, false),
        ("page_action", plan.action.is_some(), plan.own_action),
        ("wait_selector", page.wait_selector.is_some(), plan.own_selector),
        ("auto_scroll", page.auto_scroll.get().is_some(), false),
        ("wait", !page.wait.is_zero(), false),
    ];
    let wanted = all.into_iter().filter(|(_, wanted, _)| *wanted);
    wanted.map(|(option, _, needed)| (option, needed))
}

fn no_page(option: &'static str) -> Step {
    Step::new(option, StepOutcome::NoPage, Duration::ZERO)
}

/// Runs a closure of the session's within the time that there is.
pub(super) async fn run_hook(
    plan: &Plan<'_>,
    option: &'static str,
    hook: &PageHook,
    tab: &Tab,
    deadline: Deadline,
) -> Result<(), FetchError> {
    let page = Page::new(tab, deadline);
    let name = match option {
        "page_setup" => &plan.page.page_setup,
        _ => &plan.page.page_action,
    };
    let name = name.as_deref().unwrap_or_default();
    let ran = deadline
        .run(&format!("{option} '{name}'"), hook(&page))
        .await
        .map_err(|error| of_option(plan, option, error))?;
    ran.map_err(|error| {
        let kind = error.as_fetch().map_or(FetchErrorKind::Page, FetchError::kind);
        let message = match error.as_fetch() {
            Some(error) => error.message().to_owned(),
            None => error.to_string(),
        };
        plan.error(kind, format!("{option} '{name}' failed: {message}"))
            .source(error)
    })
}

/// An error of a step: it says which option asked for it.
fn of_option(plan: &Plan<'_>, option: &'static str, error: Error) -> FetchError {
    let late = error.is_timeout();
    let error = FetchError::from(error).parts(plan.parts).context("while", option);
    if late {
        error.hint("raise `timeout`, or set `on_timeout` to continue to take the page as it is")
    } else {
        error
    }
}
