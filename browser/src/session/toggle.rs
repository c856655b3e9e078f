//! An option that is off, or on with settings of its own.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Off, or on with some settings. At rest `false`, `true` for the default settings, or the settings themselves.
///
/// ```
/// use silkroute_browser::ScreenshotOptions;
/// use silkroute_browser::session::Toggle;
///
/// let plain: Toggle<ScreenshotOptions> = true.into();
/// let whole = Toggle::On(ScreenshotOptions { full_page: true, ..ScreenshotOptions::default() });
/// assert_ne!(plain, whole);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form<T>", into = "Form<T>")]
#[serde(bound(
    serialize = "T: Serialize + Clone + Default + PartialEq",
    deserialize = "T: Deserialize<'de> + Default"
))]
pub enum Toggle<T> {
    /// Off.
    #[default]
    Off,
    /// On, like this.
    On(T),
}

impl<T> Toggle<T> {
    /// The settings, where it is on.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::On(settings) => Some(settings),
        }
    }
}

impl<T: Default> From<bool> for Toggle<T> {
    fn from(on: bool) -> Self {
        if on { Self::On(T::default()) } else { Self::Off }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<T> {
    Plain(bool),
    Settings(T),
}

impl<T: Default> From<Form<T>> for Toggle<T> {
    fn from(form: Form<T>) -> Self {
        match form {
            Form::Plain(on) => on.into(),
            Form::Settings(settings) => Self::On(settings),
        }
    }
}

impl<T: Default + PartialEq> From<Toggle<T>> for Form<T> {
    fn from(toggle: Toggle<T>) -> Self {
        match toggle {
            Toggle::Off => Self::Plain(false),
            Toggle::On(settings) if settings == T::default() => Self::Plain(true),
            Toggle::On(settings) => Self::Settings(settings),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Toggle<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Toggle_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<T>();
        json_schema!({"anyOf": [{"type": "boolean"}, settings]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::AutoScroll;
    use serde_json::json;

    #[test]
    fn a_toggle_is_a_word_or_its_settings() {
        let read = |value| serde_json::from_value::<Toggle<AutoScroll>>(value);
        assert_eq!(read(json!(false)).unwrap(), Toggle::Off);
        assert_eq!(read(json!(true)).unwrap(), Toggle::On(AutoScroll::default()));
        let few = AutoScroll {
            max_scrolls: 3,
            ..AutoScroll::default()
        };
        assert_eq!(read(json!({"max_scrolls": 3})).unwrap(), Toggle::On(few));
        assert!(read(json!({"max_scrols": 3})).is_err());
        for toggle in [Toggle::Off, true.into(), Toggle::On(few)] {
            let text = serde_json::to_value(toggle).unwrap();
            assert_eq!(read(text).unwrap(), toggle);
        }
    }
}
