//! JA3 and JA4, the two usual names for a ClientHello.
//!
//! JA4 follows the description that FoxIO publishes (technical_details/JA4.md); JA3 that of Salesforce.

use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::ClientHello;

/// What every GREASE value (RFC 8701) is recorded as, whichever of the sixteen the client drew: lists keep the place
/// of GREASE and still compare equal from one connection to the next.
pub const GREASE: u16 = 0x0a0a;

/// Whether a number is one of the sixteen that RFC 8701 reserves.
#[must_use]
pub fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

pub(super) fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `version,ciphers,extensions,groups,point formats`.
pub(super) fn ja3(hello: &ClientHello) -> String {
    let join = |list: &[u16]| known(list).map(|value| value.to_string()).collect::<Vec<_>>().join("-");
    let formats: Vec<_> = hello.point_formats.iter().map(u8::to_string).collect();
    format!(
        "{},{},{},{},{}",
        hello.legacy_version,
        join(&hello.ciphers),
        join(&hello.extensions),
        join(&hello.groups),
        formats.join("-")
    )
}

/// The hashed and the raw form.
pub(super) fn ja4(hello: &ClientHello) -> (String, String) {
    let ciphers = sorted_hex(known(&hello.ciphers));
    let extensions = sorted_hex(known(&hello.extensions).filter(|id| !matches!(id, 0 | 16)));
    let algorithms = known(&hello.signature_algorithms)
        .map(|id| format!("{id:04x}"))
        .collect::<Vec<_>>()
        .join(",");
    let extensions = if algorithms.is_empty() {
        extensions
    } else {
        format!("{extensions}_{algorithms}")
    };
    let start = start(hello);
    let hashed = format!("{start}_{}_{}", short_hash(&ciphers), short_hash(&extensions));
    (hashed, format!("{start}_{ciphers}_{extensions}"))
}

fn start(hello: &ClientHello) -> String {
    let version = known(&hello.supported_versions).max().unwrap_or(hello.legacy_version);
    let version = match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let sni = if hello.extensions.contains(&0) { 'd' } else { 'i' };
    let count = |list: &[u16]| known(list).count().min(99);
    let alpn = hello
        .alpn
        .first()
        .map_or_else(|| "00".to_owned(), |name| alpn_ends(name));
    format!(
        "t{version}{sni}{:02}{:02}{alpn}",
        count(&hello.ciphers),
        count(&hello.extensions)
    )
}

/// First and last character of the first protocol; of its hexadecimal form where these are not letters or digits.
fn alpn_ends(name: &str) -> String {
    let ends = |text: &str| {
        text.chars()
            .next()
            .into_iter()
            .chain(text.chars().last())
            .collect::<String>()
    };
    let both = ends(name);
    if both.is_empty() {
        "00".to_owned()
    } else if both.chars().all(|char| char.is_ascii_alphanumeric()) {
        both
    } else {
        ends(&hex(name.as_bytes()))
    }
}

fn known(list: &[u16]) -> impl Iterator<Item = u16> {
    list.iter().copied().filter(|value| !is_grease(*value))
}

fn sorted_hex(values: impl Iterator<Item = u16>) -> String {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values
        .iter()
        .map(|value| format!("{value:04x}"))
        .collect::<Vec<_>>()
        .join(",")
}

fn short_hash(text: &str) -> String {
    if text.is_empty() {
        "0".repeat(12)
    } else {
        hex(&Sha256::digest(text)[..6])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ja4_of_the_example_in_its_description() {
        let hello = ClientHello {
            ciphers: vec![
                GREASE, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
                0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                GREASE, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
                0xff01, 0x000b, 0x000a, 0x0015, GREASE,
            ],
            signature_algorithms: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            supported_versions: vec![GREASE, 0x0304, 0x0303],
            alpn: vec!["h2".into(), "http/1.1".into()],
            ..ClientHello::default()
        };
        let (hashed, raw) = ja4(&hello);
        assert_eq!(hashed, "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(
            raw,
            "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,\
             0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601"
        );
    }

    #[test]
    fn ja4_of_a_hello_with_nothing_in_it() {
        let (hashed, _) = ja4(&ClientHello {
            legacy_version: 0x0303,
            ..ClientHello::default()
        });
        assert_eq!(hashed, "t12i000000_000000000000_000000000000");
    }

    #[test]
    fn alpn_ends_that_are_not_letters_are_hexadecimal() {
        assert_eq!(alpn_ends("h2"), "h2");
        assert_eq!(alpn_ends("http/1.1"), "h1");
        assert_eq!(alpn_ends("\u{2}x-"), "0d");
    }
}
