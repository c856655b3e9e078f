//! Lengths of time in configurations and options: `"30s"`, `"1m 30s"`, `"250ms"`.
//!
//! Use it on a field with `#[serde(with = "silkroute_core::duration")]`, or [`option`] for an `Option<Duration>`. A bare
//! number is refused: nobody can tell seconds from milliseconds in it.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads a length of time such as `30s`, `1m 30s` or `250ms`.
///
/// # Errors
/// A text without a unit, with an unknown one, or empty.
pub fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| {
        format!("`{text}` is not a length of time ({error}); write it with its unit, such as \"30s\" or \"250ms\"")
    })
}

/// Writes it the way [`parse`] reads it, exactly.
pub fn format(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Writes it for a person: three digits are enough.
pub(crate) fn rounded(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => {
            let tenths = millis / 100;
            match tenths % 10 {
                0 => format!("{}s", tenths / 10),
                tenth => format!("{}.{tenth}s", tenths / 10),
            }
        }
        _ => format(Duration::from_secs(duration.as_secs())),
    }
}

/// For `#[serde(with = "silkroute_core::duration")]`.
///
/// # Errors
/// Whatever the serializer raises.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    format(*duration).serialize(serializer)
}

/// For `#[serde(with = "silkroute_core::duration")]`.
///
/// # Errors
/// Anything but a text that [`parse`] reads.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same for an `Option<Duration>`.
pub mod option {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer};
    use serde::de::Error as _;

    /// For `#[serde(with = "silkroute_core::duration::option")]`.
    ///
    /// # Errors
    /// Whatever the serializer raises.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(super::format).serialize(serializer)
    }

    /// For `#[serde(with = "silkroute_core::duration::option")]`.
    ///
    /// # Errors
    /// Anything but `null` or a text that [`parse`](super::parse) reads.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| super::parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["30s", "1m 30s", "250ms", "2h"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn a_bare_number_is_refused_and_told_about_units() {
        let error = parse("30").unwrap_err();
        assert!(error.contains("with its unit"), "{error}");
    }

    #[test]
    fn people_get_few_digits() {
        assert_eq!(rounded(Duration::from_micros(1_234_567)), "1.2s");
        assert_eq!(rounded(Duration::from_secs(30)), "30s");
        assert_eq!(rounded(Duration::from_micros(999_900)), "999ms");
        assert_eq!(rounded(Duration::from_millis(90_500)), "1m 30s");
    }
}
