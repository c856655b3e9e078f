//! Scripts of ours, in a world of their own: pages can neither see nor change what they work with.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Tab, TabState};
use crate::cdp::RawCommand;
use crate::{Deadline, Error, Result};

/// Shown in nothing that a page can read; neutral all the same.
const WORLD: &str = "util";

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Evaluated {
    result: Remote,
    exception_details: Option<Exception>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Remote {
    value: Value,
    description: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Exception {
    text: String,
    line_number: u32,
    exception: Option<Remote>,
}

impl Exception {
    fn told(&self) -> String {
        let thrown = self
            .exception
            .as_ref()
            .map(|thrown| match (&thrown.description, &thrown.value) {
                (Some(description), _) => description.clone(),
                (None, Value::String(text)) => text.clone(),
                (None, value) => value.to_string(),
            });
        format!(
            "{} (line {})",
            thrown.unwrap_or_else(|| self.text.clone()),
            self.line_number + 1
        )
    }
}

impl Tab {
    /// Evaluates an expression and gives back its value, which must be one that JSON has. A promise is waited for. The script
    /// sees the document, but not the page's own variables: that is [`evaluate_in_page`](Self::evaluate_in_page).
    ///
    /// # Errors
    /// [`Error::Script`] when it throws, [`Error::Malformed`] when the value is of another type, and those of commands.
    pub async fn evaluate<T: DeserializeOwned>(&self, expression: &str, deadline: Deadline) -> Result<T> {
        read(self.state.evaluate(expression, deadline).await?)
    }

    /// [`evaluate`](Self::evaluate) in the page's own world: it sees the page's variables, and the page may see what it does.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub async fn evaluate_in_page<T: DeserializeOwned>(&self, expression: &str, deadline: Deadline) -> Result<T> {
        read(self.state.evaluate_in(None, expression, deadline).await?)
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::malformed("Runtime.evaluate", error))
}

impl TabState {
    /// The isolated world of the document that is shown; made where there is none yet.
    pub(super) async fn world(&self, deadline: Deadline) -> Result<i64> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Created {
            execution_context_id: i64,
        }
        let (frame, loader) = {
            let track = self.tracker.track();
            (track.main_frame.clone(), track.current.clone().unwrap_or_default())
        };
        if let Some((of, id)) = &self.told().world
            && *of == loader
        {
            return Ok(*id);
        }
        let params = json!({"frameId": frame, "worldName": WORLD, "grantUniveralAccess": false});
        let created: Created = self
            .session
            .send_as(RawCommand::new("Page.createIsolatedWorld", params)?, deadline)
            .await?;
        // Only if the page did not go elsewhere meanwhile is it known whose world it is.
        if self.tracker.track().current.as_deref() == Some(&loader) {
            self.told().world = Some((loader, created.execution_context_id));
        }
        Ok(created.execution_context_id)
    }

    pub(super) async fn evaluate(&self, expression: &str, deadline: Deadline) -> Result<Value> {
        // Two more attempts for pages that go elsewhere under way; a page that never rests is an error.
        for _ in 0..2 {
            let world = self.world(deadline).await;
            let result = match world {
                Ok(world) => self.evaluate_in(Some(world), expression, deadline).await,
                Err(error) => Err(error),
            };
            match result {
                Err(Error::Protocol { .. }) => self.told().world = None,
                other => return other,
            }
        }
        let world = self.world(deadline).await?;
        self.evaluate_in(Some(world), expression, deadline).await
    }

    async fn evaluate_in(&self, world: Option<i64>, expression: &str, deadline: Deadline) -> Result<Value> {
        let mut params = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": false,
        });
        if let Some(world) = world {
            params["contextId"] = world.into();
        }
        let evaluated: Evaluated = self
            .session
            .send_as(RawCommand::new("Runtime.evaluate", params)?, deadline)
            .await?;
        match evaluated.exception_details {
            Some(exception) => Err(Error::Script {
                message: exception.told(),
            }),
            None => Ok(evaluated.result.value),
        }
    }
}
