//! A ClientHello built as Chrome 142 builds it, read back.

use super::*;

fn vec8(content: &[u8]) -> Vec<u8> {
    [&[u8::try_from(content.len()).expect("short")], content].concat()
}

fn vec16(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).expect("short").to_be_bytes(), content].concat()
}

fn numbers(list: &[u16]) -> Vec<u8> {
    list.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// Chrome 142 on macOS, extensions in one of the orders that it draws; two different GREASE values.
fn chrome_142() -> Vec<u8> {
    let key_shares = [
        [numbers(&[0x5a5a]), vec16(&[0])].concat(),
        [numbers(&[4588]), vec16(&[7; 1216])].concat(),
        [numbers(&[29]), vec16(&[7; 32])].concat(),
    ]
    .concat();
    let extensions: Vec<(u16, Vec<u8>)> = vec![
        (0x3a3a, vec![]),
        (17613, vec16(&vec8(b"h2"))),
        (45, vec8(&[1])),
        (27, vec8(&numbers(&[2]))),
        (51, vec16(&key_shares)),
        (43, vec8(&numbers(&[0x7a7a, 0x0304, 0x0303]))),
        (65281, vec![0]),
        (65037, vec![0; 186]),
        (23, vec![]),
        (11, vec8(&[0])),
        (5, vec![1, 0, 0, 0, 0]),
        (35, vec![]),
        (10, vec16(&numbers(&[0x5a5a, 4588, 29, 23, 24]))),
        (18, vec![]),
        (16, vec16(&[vec8(b"h2"), vec8(b"http/1.1")].concat())),
        (13, vec16(&numbers(&[1027, 2052, 1025, 1283, 2053, 1281, 2054, 1537]))),
        (0, vec16(&[vec![0], vec16(b"fp.test")].concat())),
        (0xcaca, vec![0]),
    ];
    let extensions: Vec<u8> = extensions
        .iter()
        .flat_map(|(id, content)| [numbers(&[*id]), vec16(content)].concat())
        .collect();
    let ciphers = [
        0x8a8a, 4865, 4866, 4867, 49195, 49199, 49196, 49200, 52393, 52392, 49171, 49172, 156, 157, 47, 53,
    ];
    [
        numbers(&[0x0303]),
        vec![9; 32],
        vec8(&[8; 32]),
        vec16(&numbers(&ciphers)),
        vec8(&[0]),
        vec16(&extensions),
    ]
    .concat()
}

/// The message in records of at most `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    let handshake = [&[1], &length[1..], message].concat();
    handshake
        .chunks(size)
        .flat_map(|fragment| [vec![22, 3, 1], vec16(fragment)].concat())
        .collect()
}

#[test]
fn chrome_142_is_read_whole() {
    let hello = ClientHello::from_records(&records(&chrome_142(), 16_000))
        .expect("is TLS")
        .expect("is complete");
    assert_eq!(hello.ja4, "t13d1516h2_8daaf6152771_d8a2da3f94cd");
    assert_eq!(hello.sni.as_deref(), Some("fp.test"));
    assert_eq!(hello.alpn, ["h2", "http/1.1"]);
    assert_eq!(hello.groups, [GREASE, 4588, 29, 23, 24]);
    assert_eq!(hello.supported_versions, [GREASE, 0x0304, 0x0303]);
    assert_eq!(hello.ciphers.first(), Some(&GREASE));
    assert_eq!(
        (hello.extensions.first(), hello.extensions.last()),
        (Some(&GREASE), Some(&GREASE))
    );
    assert_eq!(
        hello.key_shares,
        [(GREASE, 1), (4588, 1216), (29, 32)].map(|(group, length)| KeyShare { group, length })
    );
    assert_eq!(
        hello.alps,
        Some(Alps {
            code_point: 17613,
            protocols: vec!["h2".into()]
        })
    );
    assert_eq!(hello.cert_compression, [2]);
    assert_eq!(hello.session_ticket, Some(0));
    assert!(hello.has_ech && !hello.pre_shared_key && hello.unreadable_extensions.is_empty());
    assert!(hello.ja3.starts_with("771,4865-4866-4867-49195-"), "{}", hello.ja3);
}

#[test]
fn every_cut_of_a_hello_asks_for_more_or_is_whole() {
    for size in [1, 7, 512, 16_000] {
        let bytes = records(&chrome_142(), size);
        for cut in (0..bytes.len()).step_by(97) {
            assert_eq!(
                ClientHello::from_records(&bytes[..cut]),
                Ok(None),
                "{cut} bytes of {}",
                bytes.len()
            );
        }
        assert!(ClientHello::from_records(&bytes).is_ok_and(|hello| hello.is_some()));
    }
}

#[test]
fn what_is_not_a_hello_is_said() {
    assert!(ClientHello::from_records(b"GET / HTTP/1.1\r\n").is_err());
    assert!(ClientHello::from_records(&[22, 3, 1, 0, 1, 2]).is_err());
    assert!(ClientHello::from_records(&records(&[3, 3, 1], 100)).is_err());
}
