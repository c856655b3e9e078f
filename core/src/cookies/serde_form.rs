//! How times are written in a storage state.

pub(super) mod expires {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::{Deserialize, Deserializer, Serializer};

    /// 31 December 9999: later times, mostly milliseconds given for seconds, become this.
    const LATEST: f64 = 253_402_300_799.0;

    pub(in crate::cookies) fn serialize<S: Serializer>(
        end: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(end) = end else {
            return serializer.serialize_i64(-1);
        };
        // Nothing before 1970 can be written: -1 says something else.
        let since = end.duration_since(UNIX_EPOCH).unwrap_or_default();
        match since.subsec_millis() {
            0 => serializer.serialize_u64(since.as_secs()),
            millis => serializer.serialize_f64(since.as_secs() as f64 + f64::from(millis) / 1_000.0),
        }
    }

    pub(in crate::cookies) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let Some(seconds) = Option::<f64>::deserialize(deserializer)?.filter(|seconds| *seconds >= 0.0) else {
            return Ok(None);
        };
        let millis = (seconds.min(LATEST) * 1_000.0).round() as u64;
        Ok(Some(UNIX_EPOCH + Duration::from_millis(millis)))
    }
}
