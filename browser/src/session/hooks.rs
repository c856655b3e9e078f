//! Closures of a session that requests name: what is to be done to a page before it opens, and once it is there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use silkroute_core::Result;

use crate::{Deadline, SelectorState, Tab};

/// A closure over a page.
pub type PageHook = Arc<dyn for<'a> Fn(&'a Page<'a>) -> BoxFuture<'a, Result<()>> + Send + Sync>;

/// The closures of a session, by name.
#[derive(Clone, Default)]
pub struct Hooks {
    setups: BTreeMap<String, PageHook>,
    actions: BTreeMap<String, PageHook>,
}

impl Hooks {
    /// Adds one that `page_setup` names.
    pub fn add_setup(&mut self, name: impl Into<String>, hook: PageHook) {
        self.setups.insert(name.into(), hook);
    }

    /// Adds one that `page_action` names.
    pub fn add_action(&mut self, name: impl Into<String>, hook: PageHook) {
        self.actions.insert(name.into(), hook);
    }

    /// The closure that an option names; `Err`: what there is instead.
    pub(super) fn find(&self, option: &'static str, name: &str) -> Result<PageHook, String> {
        let known = if option == "page_setup" {
            &self.setups
        } else {
            &self.actions
        };
        known.get(name).cloned().ok_or_else(|| {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            let names = if names.is_empty() {
                "(none)".to_owned()
            } else {
                names.join(", ")
            };
            format!("the session has no {option} '{name}'. Available: {names}; add it to the session's builder")
        })
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("page_setup", &self.setups.keys().collect::<Vec<_>>())
            .field("page_action", &self.actions.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// A page in the hands of a [`PageHook`]. Everything on it ends with the fetch's own deadline.
#[derive(Debug)]
pub struct Page<'a> {
    tab: &'a Tab,
    deadline: Deadline,
}

impl<'a> Page<'a> {
    /// A page for hooks to work on.
    pub fn new(tab: &'a Tab, deadline: Deadline) -> Self {
        Self { tab, deadline }
    }

    /// The tab, for what is not here.
    pub fn tab(&self) -> &Tab {
        self.tab
    }

    /// When the fetch must have ended.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Clicks the first element that a CSS selector finds, with trusted events of the mouse, all at once. It is waited for and
    /// scrolled to.
    ///
    /// # Errors
    /// A timeout when no such element becomes visible.
    pub async fn click(&self, selector: &str) -> Result<()> {
        Ok(self.tab.click(selector, self.deadline).await?)
    }

    /// Puts a text into the first input that a CSS selector finds, in place of what is there, without keys. It is waited for.
    ///
    /// # Errors
    /// A timeout when no such element becomes visible; the first that is visible takes no text, and nothing is typed.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        Ok(self.tab.fill(selector, text, self.deadline).await?)
    }

    /// Presses a key, such as `Enter`, `Tab` or `a`, where the focus is.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn press(&self, key: &str) -> Result<()> {
        Ok(self.tab.press(key, self.deadline).await?)
    }

    /// Waits until the first element that a CSS selector finds is in this state.
    ///
    /// # Errors
    /// A timeout; a selector that is none.
    pub async fn wait_for_selector(&self, selector: &str, state: SelectorState) -> Result<()> {
        Ok(self.tab.wait_for_selector(selector, state, self.deadline).await?)
    }

    /// Evaluates an expression that sees the document, but not the page's own variables; a promise is waited for.
    ///
    /// # Errors
    /// It throws, or its value is of another type.
    pub async fn evaluate<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        Ok(self.tab.evaluate(expression, self.deadline).await?)
    }

    /// The same in the page's own world: it sees the page's variables, and the page may see what it does.
    ///
    /// # Errors
    /// It throws, or its value is of another type.
    pub async fn evaluate_in_page<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        Ok(self.tab.evaluate_in_page(expression, self.deadline).await?)
    }

    /// The page as it is now, as HTML.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn content(&self) -> Result<String> {
        Ok(self.tab.content(self.deadline).await?)
    }
}
