//! Who a session will be, before its browser starts.

use std::ffi::OsString;
use std::sync::Arc;

use silkroute_browser::{LaunchOptions, launch};
use silkroute_core::Identity;

use crate::Fingerprint;
use crate::appearance::{Appearance, Window};
use crate::facts::{self, Facts};
use crate::kind::Variant;

/// What of a session's settings says who it will be.
pub(crate) struct Expected {
    pub(crate) fingerprint: Fingerprint,
    /// That of the session's own browser.
    pub(crate) variant: Variant,
    pub(crate) window: Window,
    /// Whether its profile may be one that somebody set to other languages.
    pub(crate) keeps_profile: bool,
}

impl Expected {
    /// Who it is once it has started with these options; `None` where that is not certain, or where it will not start.
    pub(crate) async fn identity(self, launch: LaunchOptions) -> Option<Identity> {
        let chosen = self.variant.locale.is_some() || self.fingerprint.languages_or_none().is_some();
        if self.keeps_profile && !chosen {
            return None;
        }
        let facts = match facts::known(&launch) {
            Some(facts) => facts,
            None => {
                // Elsewhere browsers say another system than an identity has.
                if cfg!(not(any(target_os = "linux", target_os = "macos"))) {
                    return None;
                }
                let languages = match chosen {
                    true => Vec::new(),
                    false => default_languages(|name| std::env::var_os(name))?,
                };
                let installed = launch::installed(&launch).await?;
                let identity = Identity::new(installed.browser).version(installed.version);
                Arc::new(Facts::expected(&identity, languages)?)
            }
        };
        let appearance = Appearance::new(&self.fingerprint, &self.variant, &facts, self.window).ok()?;
        appearance.is_its_identity().then(|| appearance.identity().clone())
    }
}

/// The languages that a browser with a fresh profile asks for, by the environment that it is started in, as far as that is
/// certain: it is where nothing names another language than the English of the USA, which no browser comes without.
///
/// On Linux Chromium has the locale of the first of these names that it has a translation for
/// (`l10n_util::GetApplicationLocale` in `ui/base/l10n/l10n_util.cc`). For older versions a variable that is set hides those
/// behind it, for newer ones only if it names a translation, so that `LC_ALL=C` does not; both come to the same here.
fn default_languages(variable: impl Fn(&str) -> Option<OsString>) -> Option<Vec<String>> {
    if cfg!(not(target_os = "linux")) {
        return None;
    }
    for name in ["LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"] {
        let value = variable(name).unwrap_or_default().into_string().ok()?;
        for locale in value.split(':') {
            match locale.split('.').next().unwrap_or_default() {
                "" | "C" | "POSIX" => {}
                "en_US" | "en-US" | "en" => return Some(american()),
                _ => return None,
            }
        }
    }
    Some(american())
}

fn american() -> Vec<String> {
    ["en-US", "en"].map(str::to_owned).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn languages_that_nobody_chose_are_expected_where_the_environment_names_no_others() {
        let expected = |set: &[(&str, &str)]| {
            default_languages(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        let american: &[&[(&str, &str)]] = &[
            &[],
            &[("LANG", "C.UTF-8")],
            &[("LANG", "POSIX")],
            &[("LANG", "en_US.UTF-8")],
            &[("LANG", "en")],
            &[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")],
            &[("LANGUAGE", "en_US:en:de"), ("LANG", "de_DE.UTF-8")],
            &[("LC_ALL", "en_US.UTF-8"), ("LC_MESSAGES", "fr_FR"), ("LANG", "de_DE")],
            &[("LANGUAGE", ""), ("LC_ALL", ""), ("LANG", "en_US.ISO-8859-1")],
            &[("LC_TIME", "de_DE.UTF-8"), ("LANG", "C")],
        ];
        for set in american {
            assert_eq!(expected(set), Some(super::american()), "{set:?}");
        }
        let others: &[&[(&str, &str)]] = &[
            &[("LANG", "en_GB.UTF-8")],
            &[("LANG", "de_DE.UTF-8")],
            &[("LANG", "english")],
            &[("LANG", "en_US@euro")],
            &[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")],
            &[("LC_MESSAGES", "de_DE.UTF-8"), ("LANG", "en_US.UTF-8")],
            &[("LANGUAGE", "de"), ("LANG", "en_US.UTF-8")],
            &[("LANGUAGE", "C:de")],
            &[("LANGUAGE", "xx:en_US")],
        ];
        for set in others {
            assert_eq!(expected(set), None, "{set:?}");
        }
        use std::os::unix::ffi::OsStringExt as _;
        let no_text = |_: &str| Some(OsString::from_vec(vec![0xff]));
        assert_eq!(default_languages(no_text), None);
    }

    #[test]
    fn what_is_expected_of_a_browser_is_its_identity() {
        for name in ["chromium156", "chrome149", "edge150"] {
            let identity = Identity::from_name(name).unwrap();
            let facts = Facts::expected(&identity, american()).unwrap();
            let appearance = Appearance::new(&Fingerprint::default(), &Variant::default(), &facts, Window::Shown);
            let appearance = appearance.unwrap();
            assert!(appearance.is_its_identity(), "{name}");
            assert_eq!(*appearance.identity(), identity);
        }
    }
}
