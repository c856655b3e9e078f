//! From the identity of a request to what its tab is told: the words of another browser, in place of this one's.

use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use silkroute_core::Identity;
use silkroute_core::identity::Os;

use super::config::BrowserConfig;
use super::tell;
use super::words::{OwnWords, accepted_languages};
use crate::{TabOptions, UserAgent};

/// Puts an identity over what a tab is told. What the request itself says, in `page` or by a header of all that the page loads, stays.
/// `own` is what pages say there while they are told nothing: what is so anyhow is not told again, since a browser puts its own
/// `Accept-Language` elsewhere among the headers than one that it is told.
/// `chosen`: whether the browser was launched for the identity's language, which scripts may know nothing of.
pub(super) fn wear(tab: &mut TabOptions, page: &BrowserConfig, chosen: bool, identity: &Identity, own: &OwnWords) {
    let languages = match &page.locale {
        Some(locale) => Some(tell::languages(locale)),
        // A browser would send what it is told in place of the header.
        None if tab.extra_headers.contains_key(ACCEPT_LANGUAGE) => None,
        None if accepted_languages(&own.languages) == identity.languages => None,
        None => Some(identity.languages.join(",")),
    };
    if tab.locale.is_none() && (languages.is_some() || chosen) {
        let first = identity.languages.first();
        tab.locale = first.filter(|language| is_locale(language)).cloned();
    }
    let header = tab.extra_headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let named = page.user_agent.as_deref().or(header);
    let of_request = named.map(|user_agent| UserAgent {
        user_agent: user_agent.to_owned(),
        ..UserAgent::default()
    });
    let of_identity = identity.user_agent().map(|user_agent| UserAgent {
        user_agent,
        platform: (!own.hints.is_of(identity.os)).then(|| platform(identity.os).to_owned()),
        metadata: Some(own.hints.worn(identity).metadata()),
        accept_language: None,
    });
    // The brands of one browser beside the user agent of another are worse than none.
    tab.user_agent = of_request.or(of_identity).map(|agent| UserAgent {
        accept_language: languages,
        ..agent
    });
}

/// Whether scripts can be of it. Others may be asked for, such as `i-klingon`, and browsers are in none of them.
fn is_locale(language: &str) -> bool {
    let fits = |part: &str| (2..=8).contains(&part.len());
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    language.split('-').all(fits) && language.split('-').next().is_some_and(letters)
}

/// What `navigator.platform` has on a system.
fn platform(os: Os) -> &'static str {
    match os {
        Os::Windows => "Win32",
        Os::MacOs => "MacIntel",
        _ => "Linux x86_64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ClientHints;

    fn worn(page: &BrowserConfig, identity: &Identity) -> TabOptions {
        let own = OwnWords {
            accept: None,
            hints: ClientHints {
                platform: "Linux".to_owned(),
                ..ClientHints::default()
            },
            languages: vec!["en-US".to_owned(), "en".to_owned()],
        };
        let mut tab = TabOptions {
            locale: page.locale.clone(),
            ..TabOptions::default()
        };
        wear(&mut tab, page, false, identity, &own);
        tab
    }

    #[test]
    fn what_the_browser_says_anyhow_is_not_told() {
        let identity: Identity = "chrome149_linux".parse().unwrap();
        let tab = worn(&BrowserConfig::default(), &identity);
        let agent = tab.user_agent.unwrap();
        assert_eq!(Some(agent.user_agent), identity.user_agent());
        assert_eq!((agent.accept_language, agent.platform, tab.locale), (None, None, None));

        let other = identity.os(Os::MacOs).locale("fr-FR");
        let tab = worn(&BrowserConfig::default(), &other);
        let agent = tab.user_agent.unwrap();
        assert_eq!(agent.accept_language.as_deref(), Some("fr-FR,fr,en-US,en"));
        assert_eq!(agent.platform.as_deref(), Some("MacIntel"));
        assert_eq!(tab.locale.as_deref(), Some("fr-FR"));

        let klingon = worn(&BrowserConfig::default(), &other.locale("i-klingon"));
        assert!(
            klingon
                .user_agent
                .unwrap()
                .accept_language
                .unwrap()
                .starts_with("i-klingon,")
        );
        assert_eq!(klingon.locale, None);
    }

    #[test]
    fn what_a_request_says_itself_stays() {
        let page = BrowserConfig {
            user_agent: Some("mine/1.0".to_owned()),
            locale: Some("ja".to_owned()),
            ..BrowserConfig::default()
        };
        let tab = worn(&page, &"edge148_windows".parse().unwrap());
        let agent = tab.user_agent.unwrap();
        assert_eq!((&*agent.user_agent, agent.metadata), ("mine/1.0", None));
        assert_eq!(agent.accept_language.as_deref(), Some("ja"));
        assert_eq!(tab.locale.as_deref(), Some("ja"));
    }
}
