//! robots.txt: what it says, and who reads it.

mod rules;

use std::time::Duration;

pub(crate) use rules::READ_AT_MOST;
pub use rules::RobotsRules;

/// How a crawl obeys robots.txt.
///
/// It is fetched once for each host and kept for a day, or as long as [`expires_after`](Self::expires_after) says. By
/// RFC 9309, where it does not exist (4xx) everything is allowed, and where it cannot be had (5xx, no answer) nothing
/// is: it is asked for as often as a request would be by the crawl's [`retry`](crate::Settings::retry), while those for the host
/// wait. If it does not come then, rules that have just expired hold for another ten minutes. Where there are none, and the
/// trouble may pass, the host waits on, and is asked again after 30 seconds, one minute and two. Then its requests fail, for ten
/// minutes, and [`on_error`](crate::Spider::on_error) gets them. A `Crawl-delay` is obeyed up to 5 minutes.
///
/// By default the rules are those for the `User-Agent` of the session that fetches the file: of a session that calls
/// itself `MyBot/1.0 (+https://my.test/bot)` those for `MyBot`, and where it is not named, those for all. Browsers are not
/// named.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "ROBOTSTXT_OBEY")]
pub struct RobotsPolicy {
    /// `None`: that of the session.
    pub(crate) agent: Option<String>,
    /// `None`: as [`session`](RobotsPolicy::session) says.
    pub(crate) session: Option<String>,
    pub(crate) expires_after: Duration,
}

impl Default for RobotsPolicy {
    fn default() -> Self {
        Self {
            agent: None,
            session: None,
            expires_after: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl RobotsPolicy {
    /// Obeys the rules for this agent, such as `MyBot`, and where it is not named those for all.
    pub fn obey(agent: impl Into<String>) -> Self {
        Self {
            agent: Some(agent.into()),
            ..Self::default()
        }
    }

    /// Obeys the rules for all agents: right for a crawl that calls itself a browser, for which no robots.txt has rules
    /// of its own.
    pub fn obey_as_anyone() -> Self {
        Self::obey("")
    }

    /// Fetches it through this session. By default through the one that the first request for the host goes to; where that is
    /// one that has not started, through the lowest on its ladder, or the crawl's default if that is of the kind `http`, so that
    /// no browser is started for it alone. A crawl without this session is refused. It goes through that session's proxy, not
    /// through one that a request names.
    #[must_use]
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.session = Some(id.into());
        self
    }

    /// How long the rules of a host are kept; a day, the most that RFC 9309 recommends.
    #[must_use]
    pub fn expires_after(mut self, age: Duration) -> Self {
        self.expires_after = age;
        self
    }
}

/// The name that a `User-Agent` goes by in a robots.txt: its product, or the one of
/// `Mozilla/5.0 (compatible; MyBot/1.0; ...)`, as many crawlers write it.
pub(crate) fn product_of(user_agent: &str) -> &str {
    let compatible = user_agent.strip_prefix("Mozilla/5.0 (compatible;").map(str::trim_start);
    let product = compatible.unwrap_or(user_agent);
    let end = product.find(['/', ' ', ';', ')', '(']).unwrap_or(product.len());
    &product[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_of_a_user_agent() {
        for (user_agent, product) in [
            ("MyBot/1.0 (+https://my.test/bot)", "MyBot"),
            ("my-bot", "my-bot"),
            ("Mozilla/5.0 (compatible; MyBot/2.1; +http://my.test/)", "MyBot"),
            ("Mozilla/5.0 (compatible;MyBot)", "MyBot"),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Mozilla"),
            ("", ""),
        ] {
            assert_eq!(product_of(user_agent), product, "{user_agent}");
        }
    }
}
