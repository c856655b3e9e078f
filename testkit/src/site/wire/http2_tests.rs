//! Frames as Chrome sends them, read back.

use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// `m,a,s,p`, then a name that goes into the dynamic table and one that does not.
fn block() -> Vec<u8> {
    let mut block = vec![0x82, 0x01, 1, b'h', 0x87, 0x84];
    block.extend(b"\x40\x03x-b\x011");
    block.extend(b"\x00\x03x-a\x012");
    block
}

fn chrome() -> Vec<u8> {
    let settings = [
        setting(1, 65536),
        setting(2, 0),
        setting(4, 6_291_456),
        setting(6, 262_144),
    ]
    .concat();
    let priority = [&(1u32 << 31).to_be_bytes()[..], &[255]].concat();
    let block = block();
    let (start, end) = block.split_at(5);
    [
        PREFACE.to_vec(),
        frame(SETTINGS, 0, 0, &settings),
        frame(WINDOW_UPDATE, 0, 0, &15_663_105u32.to_be_bytes()),
        frame(
            HEADERS,
            HAS_PRIORITY | PADDED,
            1,
            &[&[2][..], &priority, start, &[0, 0]].concat(),
        ),
        frame(CONTINUATION, END_HEADERS, 1, end),
        frame(DATA, 0, 1, &[0x82; 300]),
        // Trailers, then a second request that names the first's entry in the dynamic table.
        frame(HEADERS, END_HEADERS | 1, 1, b"\x00\x01t\x01t"),
        frame(HEADERS, END_HEADERS | 1, 3, &[0x82, 0x84, 0x87, 0xbe]),
    ]
    .concat()
}

#[test]
fn order_settings_and_priority_are_read_wherever_the_bytes_are_cut() {
    let bytes = chrome();
    for size in 1..bytes.len() {
        let heads = Heads::default();
        let mut tap = Http2Tap::new(heads.clone());
        bytes.chunks(size).for_each(|part| tap.read(part));
        let first = heads.take("GET", "/").expect("the first request");
        let http2 = first.http2.expect("HTTP/2");
        assert_eq!(http2.akamai, "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p");
        assert_eq!(http2.akamai_hash, "52d84b11737d980aef856699f885ca86");
        assert_eq!(
            http2.headers_priority,
            Some(HeadersPriority {
                depends_on: 0,
                weight: 256,
                exclusive: true
            })
        );
        assert_eq!(http2.first_stream, 1);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(first.headers, [pair("x-b", "1"), pair("x-a", "2")]);
        let second = heads.take("GET", "/").expect("the second request");
        assert_eq!(second.headers, [pair("x-b", "1")]);
    }
}

#[test]
fn what_is_not_http2_is_said() {
    let heads = Heads::default();
    Http2Tap::new(heads.clone()).read(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n");
    assert!(heads.take("GET", "/").expect_err("nothing").contains("preface"));
}
