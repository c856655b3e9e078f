//! Signatures of real browsers, as curl-impersonate records them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use silkroute_testkit::site::Recorded;
use silkroute_testkit::site::wire::GREASE;
use yaml_rust2::{Yaml, YamlLoader};

/// What can be compared, by the name of the field.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// BoringSSL and Apple's TLS pad a ClientHello of 256 to 511 bytes, so whether this extension is there depends on the
/// length of the server's name: it is left out of the comparison.
const PADDING: u64 = 21;

/// Reads the signature in a file; `None` where the files are not there.
pub(crate) fn read(file: &str) -> Option<Fields> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/conformance/tls-signatures")
        .join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        let told = format!("{file} is not in ../shared/conformance/tls-signatures next to the checkout");
        assert!(
            std::env::var("SILKROUTE_REQUIRE_VECTORS").as_deref() != Ok("1"),
            "{told}"
        );
        eprintln!("NOT RUN: {told}");
        return None;
    };
    let documents = YamlLoader::load_from_str(&text).unwrap();
    Some(fields_of_signature(&documents[0]["signature"]))
}

fn numbers(list: &Yaml) -> Vec<u64> {
    let number = |item: &Yaml| {
        item.as_i64()
            .map_or(u64::from(GREASE), |number| u64::try_from(number).unwrap())
    };
    list.as_vec()
        .map(|items| items.iter().map(number).collect())
        .unwrap_or_default()
}

fn words(list: &Yaml) -> Vec<&str> {
    list.as_vec()
        .map(|items| items.iter().filter_map(Yaml::as_str).collect())
        .unwrap_or_default()
}

fn extension_number(name: &str) -> u64 {
    match name {
        "GREASE" => u64::from(GREASE),
        "server_name" => 0,
        "status_request" => 5,
        "supported_groups" => 10,
        "ec_point_formats" => 11,
        "signature_algorithms" => 13,
        "application_layer_protocol_negotiation" => 16,
        "signed_certificate_timestamp" => 18,
        "padding" => 21,
        "extended_master_secret" => 23,
        "compress_certificate" => 27,
        "record_size_limit" => 28,
        "delegated_credentials" => 34,
        "session_ticket" => 35,
        "supported_versions" => 43,
        "psk_key_exchange_modes" => 45,
        "keyshare" => 51,
        "application_settings" => 17513,
        "application_settings_new" => 17613,
        "encrypted_client_hello" => 65037,
        "renegotiation_info" => 65281,
        "trust_anchors" => 51764,
        other => panic!("an extension called {other}"),
    }
}

fn fields_of_signature(signature: &Yaml) -> Fields {
    let hello = &signature["tls_client_hello"];
    let permuted = signature["options"]["tls_permute_extensions"].as_bool() == Some(true);
    let extensions = hello["extensions"].as_vec().unwrap();
    let find = |name: &str| {
        extensions
            .iter()
            .find(|extension| extension["type"].as_str() == Some(name))
            .unwrap_or(&Yaml::BadValue)
    };
    let mut order: Vec<u64> = extensions
        .iter()
        .map(|extension| extension_number(extension["type"].as_str().unwrap()))
        .collect();
    order.retain(|&extension| extension != PADDING);
    if permuted {
        order.sort_unstable();
    }
    let shares: Vec<u64> = find("keyshare")["key_shares"]
        .as_vec()
        .unwrap()
        .iter()
        .map(|share| {
            share["group"]
                .as_i64()
                .map_or(u64::from(GREASE), |group| u64::try_from(group).unwrap())
        })
        .collect();
    let versions: Vec<u64> = words(&find("supported_versions")["supported_versions"])
        .into_iter()
        .map(|version| match version {
            "TLS_VERSION_1_3" => 0x0304,
            "TLS_VERSION_1_2" => 0x0303,
            "TLS_VERSION_1_1" => 0x0302,
            "TLS_VERSION_1_0" => 0x0301,
            _ => u64::from(GREASE),
        })
        .collect();
    let frames = signature["http2"]["frames"].as_vec().unwrap();
    let frame = |kind: &str| {
        frames
            .iter()
            .find(|frame| frame["frame_type"].as_str() == Some(kind))
            .unwrap_or(&Yaml::BadValue)
    };
    let settings: Vec<(i64, i64)> = frame("SETTINGS")["settings"]
        .as_vec()
        .unwrap()
        .iter()
        .map(|setting| (setting["key"].as_i64().unwrap(), setting["value"].as_i64().unwrap()))
        .collect();
    let pseudo: Vec<&str> = words(&frame("HEADERS")["pseudo_headers"])
        .into_iter()
        .map(|name| &name[1..2])
        .collect();
    let headers = words(&frame("HEADERS")["headers"]);
    Fields::from([
        ("ciphers", format!("{:?}", numbers(&hello["ciphersuites"]))),
        (
            "extensions",
            format!("{} {order:?}", if permuted { "any order" } else { "this order" }),
        ),
        (
            "groups",
            format!("{:?}", numbers(&find("supported_groups")["supported_groups"])),
        ),
        (
            "signature_algorithms",
            format!("{:?}", numbers(&find("signature_algorithms")["sig_hash_algs"])),
        ),
        ("key_shares", format!("{shares:?}")),
        ("supported_versions", format!("{versions:?}")),
        (
            "cert_compression",
            format!("{:?}", numbers(&find("compress_certificate")["algorithms"])),
        ),
        (
            "delegated_credentials",
            format!("{:?}", numbers(&find("delegated_credentials")["sig_hash_algs"])),
        ),
        (
            "record_size_limit",
            format!(
                "{:?}",
                find("record_size_limit")["record_size_limit"]
                    .as_i64()
                    .or(find("record_size_limit")["limit"].as_i64())
            ),
        ),
        (
            "alpn",
            format!(
                "{:?}",
                words(&find("application_layer_protocol_negotiation")["alpn_list"])
            ),
        ),
        (
            "session_id_length",
            hello["session_id_length"].as_i64().unwrap().to_string(),
        ),
        ("settings", format!("{settings:?}")),
        (
            "window_update",
            frame("WINDOW_UPDATE")["window_size_increment"]
                .as_i64()
                .unwrap()
                .to_string(),
        ),
        ("pseudo_headers", pseudo.join(",")),
        (
            "first_stream",
            frame("HEADERS")["stream_id"].as_i64().unwrap().to_string(),
        ),
        (
            "headers",
            headers
                .iter()
                .map(|header| header.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
                .join("\n"),
        ),
    ])
}

/// The same fields of what the test site saw. `like` tells whether the order of extensions counts.
pub(crate) fn fields_of_request(seen: &Recorded, like: &Fields) -> Fields {
    let hello = seen.tls.as_ref().unwrap();
    let http2 = seen.http2.as_ref().unwrap();
    let permuted = like["extensions"].starts_with("any");
    let mut order: Vec<u64> = hello.extensions.iter().map(|&id| u64::from(id)).collect();
    order.retain(|&extension| extension != PADDING);
    if permuted {
        order.sort_unstable();
    }
    let wide = |list: &[u16]| list.iter().map(|&number| u64::from(number)).collect::<Vec<_>>();
    let headers: Vec<String> = seen
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    Fields::from([
        ("ciphers", format!("{:?}", wide(&hello.ciphers))),
        (
            "extensions",
            format!("{} {order:?}", if permuted { "any order" } else { "this order" }),
        ),
        ("groups", format!("{:?}", wide(&hello.groups))),
        (
            "signature_algorithms",
            format!("{:?}", wide(&hello.signature_algorithms)),
        ),
        (
            "key_shares",
            format!(
                "{:?}",
                hello.key_shares.iter().map(|share| share.group).collect::<Vec<_>>()
            ),
        ),
        ("supported_versions", format!("{:?}", wide(&hello.supported_versions))),
        ("cert_compression", format!("{:?}", wide(&hello.cert_compression))),
        (
            "delegated_credentials",
            format!("{:?}", wide(&hello.delegated_credentials)),
        ),
        ("record_size_limit", format!("{:?}", hello.record_size_limit)),
        ("alpn", format!("{:?}", hello.alpn)),
        ("session_id_length", hello.session_id_length.to_string()),
        ("settings", format!("{:?}", http2.settings)),
        ("window_update", http2.window_update.to_string()),
        ("pseudo_headers", http2.pseudo_order.clone()),
        ("first_stream", http2.first_stream.to_string()),
        ("headers", headers.join("\n")),
    ])
}
