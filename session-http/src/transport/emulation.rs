//! An identity's TLS and HTTP/2, as wreq wants them told.
//!
//! wreq-util brings them, with headers of its own in an order that no browser has; those are left out. Where
//! curl-impersonate's signatures of real browsers say otherwise than wreq-util, the signature counts.

use silkroute_core::identity::Os;
use wreq::http2::{StreamDependency, StreamId};
use wreq::tls::TlsVersion;
use wreq_util::{Platform, Profile};

/// The wire of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wire {
    profile: Profile,
    android: bool,
}

impl Wire {
    pub(super) const fn new(profile: Profile) -> Self {
        Self {
            profile,
            android: false,
        }
    }

    pub(crate) fn on(self, os: Os) -> Self {
        Self {
            android: os == Os::Android,
            ..self
        }
    }

    /// Whether two are the same on the wire, whatever they are called.
    pub(crate) fn looks_like(self, other: Self) -> bool {
        let [this, that] = [self, other].map(|wire| {
            let emulation = wire.emulation();
            // These types compare in no other way than by what they show.
            format!("{:?} {:?}", emulation.tls_options, emulation.http2_options)
        });
        this == that
    }

    pub(super) fn emulation(self) -> wreq::Emulation {
        let mut emulation = stock(
            self.profile,
            if self.android {
                Platform::Android
            } else {
                Platform::Windows
            },
        );
        let name = format!("{:?}", self.profile);
        let family = Family::of(&name);
        if let Some(http2) = &mut emulation.http2_options {
            match family {
                // Documents go out with the highest weight, 256: one more than the byte on the wire.
                Family::Chromium => {
                    http2.headers_stream_dependency = Some(StreamDependency::new(StreamId::zero(), 255, true))
                }
                // 42 for documents, below the group for what is urgent (13) in those versions that build a tree of
                // groups.
                Family::Firefox => {
                    let parent = if http2.priorities.is_some() {
                        StreamId::from(13)
                    } else {
                        StreamId::zero()
                    };
                    http2.headers_stream_dependency = Some(StreamDependency::new(parent, 41, false));
                }
                Family::Other => {}
            }
        }
        if let Some(tls) = &mut emulation.tls_options {
            // The first Safari 26 on phones has the TLS of Safari 18, but for the old versions, which it no longer
            // offers, and for session tickets, which it does.
            if self.profile == Profile::SafariIos26
                && let Some(older) = stock(Profile::Safari18_5, Platform::IOS).tls_options
            {
                *tls = older;
                tls.min_tls_version = Some(TlsVersion::TLS_1_2);
                tls.session_ticket = true;
            }
            // Chrome on Android sends no post-quantum key share up to 131.
            if self.android && family == Family::Chromium && is_before_132(&name) {
                tls.curves_list = Some("X25519:P-256:P-384".into());
            }
        }
        emulation
    }
}

/// As wreq-util has it, without its headers.
fn stock(profile: Profile, platform: Platform) -> wreq::Emulation {
    let emulation = wreq_util::Emulation::builder()
        .profile(profile)
        .platform(platform)
        .headers(false)
        .build();
    wreq::IntoEmulation::into_emulation(emulation)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Chromium,
    Firefox,
    Other,
}

impl Family {
    fn of(name: &str) -> Self {
        if ["Chrome", "Edge", "Opera"].iter().any(|start| name.starts_with(start)) {
            Self::Chromium
        } else if name.starts_with("Firefox") {
            Self::Firefox
        } else {
            Self::Other
        }
    }
}

fn is_before_132(name: &str) -> bool {
    name.trim_start_matches(|letter: char| !letter.is_ascii_digit())
        .parse::<u16>()
        .is_ok_and(|version| version < 132)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::offers;
    use silkroute_core::Identity;
    use silkroute_core::identity::Browser;

    /// The brand lists of core against the tables of wreq-util for Chrome, copied from 38 versions of it. Those below
    /// 104 lack a space that the browser has; its tables for Edge and Opera carry the list of one version on to
    /// others, some with a quote missing.
    #[test]
    fn brands_are_those_that_wreq_util_has_seen() {
        let mut differing = Vec::new();
        for offer in offers() {
            let identity = Identity::new(offer.browser).version(offer.version);
            if offer.browser != Browser::Chrome || offer.version.major() < 104 {
                continue;
            }
            let ours = identity.sec_ch_ua().unwrap();
            let emulation = wreq_util::Emulation::builder()
                .profile(offer.wire.profile)
                .platform(Platform::MacOS)
                .build();
            let theirs = wreq::IntoEmulation::into_emulation(emulation).headers;
            if theirs["sec-ch-ua"] != ours {
                differing.push(format!("{} {ours} {:?}", identity.name(), theirs["sec-ch-ua"]));
            }
        }
        assert!(differing.is_empty(), "{}", differing.join("\n"));
    }
}
