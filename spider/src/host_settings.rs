//! What is different for some hosts.

use std::collections::HashMap;
use std::time::Duration;

use url::{Host, Url};

use crate::CrawlError;

/// What is different for one host, given to [`Settings::host`](crate::Settings::host). What is not set here is as for all
/// hosts.
///
/// ```
/// use std::time::Duration;
/// use silkroute_spider::{HostSettings, Settings};
///
/// let settings = Settings::default()
///     .host_concurrency(8)
///     .host("api.shop.test", HostSettings::new().concurrency(2).download_delay(Duration::from_secs(5)));
/// # let _ = settings;
/// ```
#[doc(alias = "DOWNLOAD_SLOTS")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSettings {
    concurrency: Option<usize>,
    download_delay: Option<Duration>,
}

impl HostSettings {
    /// Nothing different.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many requests to it are under way at once, 1 to 1,000,000; as
    /// [`host_concurrency`](crate::Settings::host_concurrency) says.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = Some(requests);
        self
    }

    /// The time from the start of one request to the start of the next; as
    /// [`download_delay`](crate::Settings::download_delay) says. Zero: no delay.
    #[must_use]
    pub fn download_delay(mut self, delay: Duration) -> Self {
        self.download_delay = Some(delay);
        self
    }
}

/// How fast a host may be asked, as far as the crawl says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// How many requests at once; `None`: no limit of its own.
    pub(crate) concurrency: Option<usize>,
    pub(crate) delay: Duration,
}

/// How fast each host may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Paces {
    others: Pace,
    hosts: HashMap<String, HostSettings>,
}

impl Paces {
    pub(crate) fn new(others: Pace, hosts: &[(String, HostSettings)]) -> Result<Self, CrawlError> {
        let hosts = hosts.iter().map(|(text, settings)| {
            let host = parse_host("host", text)?;
            if settings.concurrency == Some(0) || settings.concurrency.is_some_and(|count| count > 1_000_000) {
                return Err(CrawlError::Setting {
                    setting: "host",
                    reason: format!("the concurrency of `{host}` is 1 to 1,000,000"),
                });
            }
            Ok((host, settings.clone()))
        });
        Ok(Self {
            others,
            hosts: hosts.collect::<Result<_, _>>()?,
        })
    }

    /// That of an origin, such as `https://shop.test`: each value is that of the closest name that gives one.
    pub(crate) fn of(&self, origin: &str) -> Pace {
        let mut own = HostSettings::default();
        let origin = (!self.hosts.is_empty()).then(|| Url::parse(origin).ok()).flatten();
        let host = origin.as_ref().and_then(Url::host_str);
        let names = std::iter::successors(host, |name| name.split_once('.').map(|(_, above)| above));
        for settings in names.filter_map(|name| self.hosts.get(name)) {
            own.concurrency = own.concurrency.or(settings.concurrency);
            own.download_delay = own.download_delay.or(settings.download_delay);
        }
        Pace {
            concurrency: own.concurrency.or(self.others.concurrency),
            delay: own.download_delay.unwrap_or(self.others.delay),
        }
    }
}

/// A host as URLs write it.
pub(crate) fn parse_host(setting: &'static str, text: &str) -> Result<String, CrawlError> {
    let host = Host::parse(text.trim_start_matches('.')).map_err(|error| CrawlError::Setting {
        setting,
        reason: format!("`{text}`: {error}; give a host such as shop.test, without scheme, port or path"),
    })?;
    Ok(host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: Pace = Pace {
        concurrency: None,
        delay: Duration::from_secs(1),
    };

    fn paces(hosts: &[(&str, HostSettings)]) -> Result<Paces, CrawlError> {
        let hosts: Vec<_> = hosts.iter().map(|(host, set)| ((*host).into(), set.clone())).collect();
        Paces::new(OTHERS, &hosts)
    }

    fn pace(concurrency: impl Into<Option<usize>>, seconds: u64) -> Pace {
        Pace {
            concurrency: concurrency.into(),
            delay: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn each_value_is_that_of_the_closest_name_that_gives_one() {
        let set = HostSettings::new;
        let paces = paces(&[
            ("Shop.test", set().concurrency(2).download_delay(Duration::from_secs(5))),
            (".api.shop.test", set().concurrency(4)),
            ("fast.api.shop.test", set().download_delay(Duration::ZERO)),
            ("[::1]", set().concurrency(9)),
            ("bücher.test", set().concurrency(1)),
            ("bücher.test", set().concurrency(3)),
        ])
        .unwrap();
        for (origin, expected) in [
            ("https://shop.test", pace(2, 5)),
            ("http://www.shop.test:8080", pace(2, 5)),
            ("https://a.api.shop.test", pace(4, 5)),
            ("https://fast.api.shop.test", pace(4, 0)),
            ("http://[::1]:81", pace(9, 1)),
            ("http://xn--bcher-kva.test", pace(3, 1)),
            ("https://myshop.test", OTHERS),
            ("https://shop.test.evil.test", OTHERS),
        ] {
            assert_eq!(paces.of(origin), expected, "{origin}");
        }
    }

    #[test]
    fn what_is_no_host_or_no_number_of_requests_is_refused() {
        let error = paces(&[("http://shop.test/", HostSettings::new())]).unwrap_err();
        assert!(error.to_string().contains("without scheme"), "{error}");
        for count in [0, 1_000_001] {
            let error = paces(&[("shop.test", HostSettings::new().concurrency(count))]).unwrap_err();
            assert!(error.to_string().contains("`shop.test` is 1 to 1,000,000"), "{error}");
        }
    }
}
