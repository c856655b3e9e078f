//! Pages in other encodings than UTF-8, announced in every usual way and in some unusual ones.

use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, UTF_8, WINDOWS_1252};

use super::reply::{HTML, Reply, bytes, not_found};

/// What the UTF-8 pages say.
pub const UTF8_TEXT: &str = "Zażółć gęślą jaźń, 日本語, 🐢";
/// What the windows-1252 pages say; the quotes and the euro are not in ISO 8859-1.
pub const WESTERN_TEXT: &str = "“Café crème” — 5 € naïve";
/// What the Japanese pages say.
pub const JAPANESE_TEXT: &str = "日本語のテキスト、カタカナ";

const BOM: &[u8] = b"\xef\xbb\xbf";

pub(super) fn encoding(name: &str) -> Reply {
    match name {
        "utf-8" => page(UTF_8, "", UTF8_TEXT, HTML),
        "windows-1252" => page(WINDOWS_1252, "", WESTERN_TEXT, "text/html; charset=windows-1252"),
        "iso-8859-1" => page(WINDOWS_1252, "", WESTERN_TEXT, "text/html; charset=ISO-8859-1"),
        "shift_jis" => page(SHIFT_JIS, "", JAPANESE_TEXT, "text/html; charset=\"Shift_JIS\""),
        "euc-jp" => page(EUC_JP, "", JAPANESE_TEXT, "text/html;charset=euc-jp"),
        "utf-16le" => utf_16le(),
        "meta" => page(SHIFT_JIS, "<meta charset=\"shift_jis\">", JAPANESE_TEXT, "text/html"),
        "meta-http-equiv" => {
            let meta = "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=windows-1252\">";
            page(WINDOWS_1252, meta, WESTERN_TEXT, "text/html")
        }
        // The mark wins over the header, as in browsers.
        "bom" => bytes(
            "text/html; charset=windows-1252",
            [BOM, document("", UTF8_TEXT).as_bytes()].concat(),
        ),
        "none" => page(UTF_8, "", UTF8_TEXT, "text/html"),
        // The header wins over the meta element.
        "wrong-meta" => page(UTF_8, "<meta charset=\"shift_jis\">", UTF8_TEXT, HTML),
        "unknown" => page(UTF_8, "", UTF8_TEXT, "text/html; charset=klingon"),
        // Announced as UTF-8, and is not.
        "wrong" => page(WINDOWS_1252, "", WESTERN_TEXT, HTML),
        _ => not_found(),
    }
}

fn document(meta: &str, text: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n{meta}<title>Encoding</title>\n</head>\n<body>\n<p class=\"text\">{text}</p>\n\
         </body>\n</html>\n"
    )
}

fn page(encoding: &'static Encoding, meta: &str, text: &str, content_type: &'static str) -> Reply {
    let document = document(meta, text);
    let (body, _, _) = encoding.encode(&document);
    bytes(content_type, body.into_owned())
}

fn utf_16le() -> Reply {
    let body: Vec<u8> = document("", UTF8_TEXT)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    bytes("text/html; charset=utf-16le", body)
}
