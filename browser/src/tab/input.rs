//! Mouse and keyboard, through the browser's own input: pages see trusted events. Their timing is not a hand's: a click is one
//! move, and the button down and up at once; a text is put in at one go, without keys.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{SelectorState, Tab};
use crate::cdp::RawCommand;
use crate::{Deadline, Error, Result};

/// A point of the page, in CSS pixels from the upper left corner of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// The first visible element, by what [`Tab::wait_for_selector`] calls visible.
const FIRST: &str = r"((selector) => [...document.querySelectorAll(selector)].find(e => {
  const box = e.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && getComputedStyle(e).visibility === 'visible';
}))";

/// Its middle, scrolled to.
const PLACE: &str = r"((e) => {
  if (!e) return null;
  e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
  const box = e.getBoundingClientRect();
  return {x: Math.round(box.left + box.width / 2), y: Math.round(box.top + box.height / 2)};
})";

/// Has it take the focus, with all of its text selected, so that what is typed takes its place. What is typed goes to whatever has
/// the focus: whether that is the element now, and one that takes text, or the field within it.
const FOCUS: &str = r"((e) => {
  if (!e) return null;
  const typed = ['text', 'search', 'url', 'tel', 'email', 'password', 'number'];
  const takes = e => (e.localName === 'textarea' || e.localName === 'input' && typed.includes(e.type))
    && !e.readOnly && !e.matches(':disabled');
  if (e.isContentEditable) {
    let host = e;
    while (host.parentElement && host.parentElement.isContentEditable) host = host.parentElement;
    host.focus();
    getSelection().selectAllChildren(e);
    return document.activeElement === host;
  }
  e.focus();
  if (document.activeElement !== e) return false;
  let field = e;
  while (field.shadowRoot && field.shadowRoot.activeElement) field = field.shadowRoot.activeElement;
  if (!takes(field)) return false;
  field.select();
  return true;
})";

impl Tab {
    /// Clicks the first visible element that a CSS selector finds, once there is one, as [`click_at`](Self::click_at) does.
    ///
    /// # Errors
    /// [`Error::Timeout`] when there is none in time, and those of [`evaluate`](Self::evaluate).
    pub async fn click(&self, selector: &str, deadline: Deadline) -> Result<()> {
        loop {
            self.wait_for_selector(selector, SelectorState::Visible, deadline)
                .await?;
            let place: Option<Point> = self.evaluate(&of_first(PLACE, selector)?, deadline).await?;
            // It may have gone between the two.
            if let Some(place) = place {
                return self.click_at(place, deadline).await;
            }
        }
    }

    /// Clicks at a point: the pointer moves there, and the button goes down and up, all at once.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn click_at(&self, at: Point, deadline: Deadline) -> Result<()> {
        self.mouse("mouseMoved", at, deadline).await?;
        self.mouse("mousePressed", at, deadline).await?;
        self.mouse("mouseReleased", at, deadline).await
    }

    /// One event of the mouse: `mouseMoved`, or `mousePressed` and `mouseReleased` of its left button.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn mouse(&self, kind: &str, at: Point, deadline: Deadline) -> Result<()> {
        let mut params = json!({"type": kind, "x": at.x, "y": at.y, "pointerType": "mouse"});
        if kind != "mouseMoved" {
            params["button"] = "left".into();
            params["clickCount"] = 1.into();
        }
        if kind == "mousePressed" {
            params["buttons"] = 1.into();
            // Without it the event's pressure is 0, which no mouse has.
            params["force"] = 0.5.into();
        }
        self.input("Input.dispatchMouseEvent", params, deadline).await
    }

    /// Puts a text into the first visible element that a CSS selector finds, once there is one, in place of what is there: an
    /// input for text, numbers included, a text area, an editable element, or an element with such a field in its open shadow
    /// root that passes on the focus. The page sees an `input` event, as from an input method, and no keys.
    ///
    /// # Errors
    /// [`Error::Timeout`]; [`Error::Invalid`] for an element that takes no text, such as a checkbox, a date or what is disabled or
    /// read-only, and for one that does not take the focus: nothing is typed then; those of [`evaluate`](Self::evaluate).
    pub async fn fill(&self, selector: &str, text: &str, deadline: Deadline) -> Result<()> {
        let takes = loop {
            self.wait_for_selector(selector, SelectorState::Visible, deadline)
                .await?;
            let takes: Option<bool> = self.evaluate(&of_first(FOCUS, selector)?, deadline).await?;
            // It may have gone between the two.
            if let Some(takes) = takes {
                break takes;
            }
        };
        if !takes {
            return Err(Error::invalid(
                format!("{selector:?}"),
                "the first visible one takes no text: it is no field for text, is disabled or read-only, or does not take the focus",
            ));
        }
        if text.is_empty() {
            return self.press("Delete", deadline).await;
        }
        self.input("Input.insertText", json!({"text": text}), deadline).await
    }

    /// Presses a key where the focus is: a character, or `Enter`, `Tab`, `Escape`, `Backspace`, `Delete`, an arrow such as
    /// `ArrowDown`, `PageDown`, `PageUp`, `Home` or `End`. It goes down and up at once. Latin letters, digits and the space have
    /// their place on a keyboard (`code`, `keyCode`), other characters none.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that is none of these, and those of commands.
    pub async fn press(&self, key: &str, deadline: Deadline) -> Result<()> {
        let mut params = described(key)?;
        params["type"] = "keyDown".into();
        self.input("Input.dispatchKeyEvent", params.clone(), deadline).await?;
        params["type"] = "keyUp".into();
        if let Some(params) = params.as_object_mut() {
            params.remove("text");
        }
        self.input("Input.dispatchKeyEvent", params, deadline).await
    }

    async fn input(&self, method: &'static str, params: Value, deadline: Deadline) -> Result<()> {
        let command = RawCommand::new(method, params)?;
        self.state.session.send(command, deadline).await.map(drop)
    }
}

/// A script about the first visible element.
fn of_first(script: &str, selector: &str) -> Result<String> {
    let selector = serde_json::to_string(selector).map_err(|error| Error::invalid("the selector", error))?;
    Ok(format!("{script}({FIRST}({selector}))"))
}

/// Where a character is on a keyboard, and its virtual key code of Windows. Others are elsewhere on each layout.
fn place(character: char) -> Option<(String, u32)> {
    let upper = character.to_ascii_uppercase();
    let code = match upper {
        'A'..='Z' => format!("Key{upper}"),
        '0'..='9' => format!("Digit{upper}"),
        ' ' => "Space".to_owned(),
        _ => return None,
    };
    Some((code, upper.into()))
}

/// A key as the protocol has it.
fn described(key: &str) -> Result<Value> {
    let mut characters = key.chars();
    if let (Some(character), None) = (characters.next(), characters.next()) {
        let mut params = json!({"key": key, "text": character.to_string()});
        if let Some((code, number)) = place(character) {
            params["code"] = code.into();
            params["windowsVirtualKeyCode"] = number.into();
        }
        return Ok(params);
    }
    // Virtual key codes of Windows, which pages read as `keyCode`.
    let code = match key {
        "Backspace" => 8,
        "Tab" => 9,
        "Enter" => 13,
        "Escape" => 27,
        "PageUp" => 33,
        "PageDown" => 34,
        "End" => 35,
        "Home" => 36,
        "ArrowLeft" => 37,
        "ArrowUp" => 38,
        "ArrowRight" => 39,
        "ArrowDown" => 40,
        "Delete" => 46,
        _ => {
            return Err(Error::invalid(
                format!("the key {key:?}"),
                "it is neither one character nor a name such as Enter",
            ));
        }
    };
    let mut params = json!({"key": key, "code": key, "windowsVirtualKeyCode": code});
    if key == "Enter" {
        params["text"] = "\r".into();
    }
    Ok(params)
}
