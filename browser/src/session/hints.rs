//! Client hints: what a browser says of itself piece by piece.

use serde::Deserialize;
use serde_json::{Value, json};
use silkroute_core::Identity;
use silkroute_core::identity::Os;

/// All client hints, by the names that `navigator.userAgentData.getHighEntropyValues` has for them. What a browser leaves out is
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientHints {
    /// The brands with their major versions, in order.
    pub brands: Vec<BrandVersion>,
    /// The same with whole versions.
    pub full_version_list: Vec<BrandVersion>,
    /// The browser's whole version. Old, and still answered to those who ask.
    pub ua_full_version: String,
    /// The system, such as `Linux`.
    pub platform: String,
    /// Its version; empty on Linux.
    pub platform_version: String,
    /// The processor's family: `x86` or `arm`.
    pub architecture: String,
    /// Its bits: `64`.
    pub bitness: String,
    /// The device's model, which desktops do not tell.
    pub model: String,
    /// What sort of a device it is: `Desktop`.
    pub form_factors: Vec<String>,
    /// Whether it is a phone.
    pub mobile: bool,
    /// Whether it is a program of 32 bits on a Windows of 64.
    pub wow64: bool,
}

/// A brand of the client hints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BrandVersion {
    /// Its name.
    pub brand: String,
    /// Its version.
    pub version: String,
}

impl BrandVersion {
    fn json(&self) -> Value {
        json!({"brand": self.brand, "version": self.version})
    }
}

impl ClientHints {
    /// In the form of the protocol's `Emulation.UserAgentMetadata`.
    pub fn metadata(&self) -> Value {
        json!({
            "brands": self.brands.iter().map(BrandVersion::json).collect::<Vec<_>>(),
            "fullVersion": self.ua_full_version,
            "fullVersionList": self.full_version_list.iter().map(BrandVersion::json).collect::<Vec<_>>(),
            "platform": self.platform,
            "platformVersion": self.platform_version,
            "architecture": self.architecture,
            "bitness": self.bitness,
            "model": self.model,
            "formFactors": self.form_factors,
            "mobile": self.mobile,
            "wow64": self.wow64,
        })
    }

    /// `Sec-CH-UA`.
    pub fn sec_ch_ua(&self) -> String {
        let quoted: Vec<_> = self
            .brands
            .iter()
            .map(|brand| format!("\"{}\";v=\"{}\"", brand.brand, brand.version))
            .collect();
        quoted.join(", ")
    }

    /// These with another browser's brands and versions in them, on the same machine. Of its version no more is known than an
    /// identity has: the rest is zero.
    #[must_use]
    pub fn claiming(&self, identity: &Identity) -> Self {
        let brands: Vec<_> = identity
            .brands()
            .into_iter()
            .flatten()
            .map(|brand| BrandVersion {
                brand: brand.name,
                version: brand.version,
            })
            .collect();
        let full = |brand: &BrandVersion| BrandVersion {
            brand: brand.brand.clone(),
            version: format!("{}.0.0.0", brand.version),
        };
        Self {
            ua_full_version: format!("{}.0.0.0", identity.version.map_or(0, |version| version.major())),
            full_version_list: brands.iter().map(full).collect(),
            brands,
            ..self.clone()
        }
    }

    /// Whether they are of this system.
    pub(super) fn is_of(&self, os: Os) -> bool {
        self.platform == platform(os)
    }

    /// What an identity says of itself in a browser whose own hints these are: those of the machine stay where it is of the same
    /// system, and all of them where it is the same browser. Those of another system are of a usual machine with it.
    #[must_use]
    pub fn worn(&self, identity: &Identity) -> Self {
        if !self.is_of(identity.os) {
            return Self::usual(identity.os).claiming(identity);
        }
        match identity.sec_ch_ua().as_ref() == Some(&self.sec_ch_ua()) {
            true => self.clone(),
            false => self.claiming(identity),
        }
    }

    /// A usual desktop of a system. Windows counts as <https://learn.microsoft.com/microsoft-edge/web-platform/how-to-detect-win11>
    /// has it: 11 from 13 on, and 19 in its release 24H2.
    fn usual(os: Os) -> Self {
        let (architecture, version) = match os {
            Os::Windows => ("x86", "19.0.0"),
            Os::MacOs => ("arm", "15.5.0"),
            _ => ("x86", ""),
        };
        Self {
            platform: platform(os),
            platform_version: version.to_owned(),
            architecture: architecture.to_owned(),
            bitness: "64".to_owned(),
            form_factors: vec!["Desktop".to_owned()],
            ..Self::default()
        }
    }
}

/// As `Sec-CH-UA-Platform` names a system, without its quotes.
fn platform(os: Os) -> String {
    let quoted = Identity::new(silkroute_core::identity::Browser::Chrome).os(os);
    quoted.sec_ch_ua_platform().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brand(name: &str, version: &str) -> BrandVersion {
        BrandVersion {
            brand: name.to_owned(),
            version: version.to_owned(),
        }
    }

    fn of_chromium_156() -> ClientHints {
        ClientHints {
            brands: vec![brand("Not:A-Brand", "8"), brand("Chromium", "156")],
            full_version_list: vec![brand("Not:A-Brand", "8.0.0.0"), brand("Chromium", "156.0.8078.79")],
            ua_full_version: "156.0.8078.79".to_owned(),
            platform: "Linux".to_owned(),
            platform_version: "6.9".to_owned(),
            architecture: "arm".to_owned(),
            bitness: "64".to_owned(),
            form_factors: vec!["Desktop".to_owned()],
            ..ClientHints::default()
        }
    }

    #[test]
    fn as_far_as_an_identity_is_the_browser_it_says_what_that_says() {
        let own = of_chromium_156();
        let named = |name: &str| name.parse::<Identity>().unwrap();
        assert_eq!(own.worn(&named("chromium156_linux")), own);

        let older = own.worn(&named("chrome149_linux"));
        assert_eq!(
            older.full_version_list[0].version,
            format!("{}.0.0.0", older.brands[0].version)
        );
        assert_eq!(older.sec_ch_ua(), named("chrome149").sec_ch_ua().unwrap());
        assert_eq!((&*older.platform_version, &*older.architecture), ("6.9", "arm"));

        let elsewhere = own.worn(&named("edge148_windows"));
        assert_eq!(
            (&*elsewhere.platform, &*elsewhere.platform_version),
            ("Windows", "19.0.0")
        );
        assert_eq!((&*elsewhere.architecture, &*elsewhere.bitness), ("x86", "64"));
        assert_eq!(elsewhere.form_factors, ["Desktop"]);
        assert_eq!(elsewhere.metadata()["fullVersion"], "148.0.0.0");
    }
}
