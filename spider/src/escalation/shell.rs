//! Pages that scripts would have to fill.

/// A page that shows this many letters and digits is one. An empty shell has a title at most, or "please turn on
/// JavaScript", which is not shown where scripts run.
const SHOWN: usize = 80;
/// Nobody's shell is longer.
const LONGEST: usize = 512 * 1024;

/// Whether an HTML page has scripts and shows hardly anything. A look at its tags, not a parse: every page is looked at.
pub(super) fn looks_like_a_shell(html: &[u8]) -> bool {
    if html.len() > LONGEST {
        return false;
    }
    let (mut scripts, mut shown, mut rest) = (false, 0, html);
    while let Some(&first) = rest.first() {
        if first != b'<' {
            let end = memchr::memchr(b'<', rest).unwrap_or(rest.len());
            shown += rest[..end]
                .iter()
                .filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80)
                .count();
            if shown >= SHOWN {
                return false;
            }
            rest = &rest[end..];
            continue;
        }
        rest = if rest.starts_with(b"<!--") {
            behind(rest, b"-->")
        } else {
            let name = tag_name(&rest[1..]);
            match name.as_slice() {
                b"script" => {
                    scripts = true;
                    behind_element(rest, b"</script")
                }
                b"style" => behind_element(rest, b"</style"),
                b"noscript" => behind_element(rest, b"</noscript"),
                b"template" => behind_element(rest, b"</template"),
                b"title" => behind_element(rest, b"</title"),
                b"svg" => behind_element(rest, b"</svg"),
                // What shows something without a word.
                b"img" | b"video" | b"iframe" | b"input" | b"frame" | b"object" | b"embed" => return false,
                _ => behind(rest, b">"),
            }
        };
    }
    scripts
}

fn tag_name(rest: &[u8]) -> Vec<u8> {
    let name = rest.iter().take(12).take_while(|byte| byte.is_ascii_alphabetic());
    name.map(u8::to_ascii_lowercase).collect()
}

fn behind<'a>(rest: &'a [u8], end: &[u8]) -> &'a [u8] {
    match memchr::memmem::find(rest, end) {
        Some(at) => &rest[at + end.len()..],
        None => &[],
    }
}

/// Behind the end tag of an element, whatever its case.
fn behind_element<'a>(rest: &'a [u8], end: &[u8]) -> &'a [u8] {
    let mut from = 1;
    while let Some(at) = memchr::memmem::find(&rest[from..], b"</") {
        let tag = &rest[from + at..];
        if tag.len() >= end.len() && tag[..end.len()].eq_ignore_ascii_case(end) {
            return behind(tag, b">");
        }
        from += at + 2;
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_told_from_pages() {
        let text = "Words that somebody wrote to be read, and more of them. ".repeat(3);
        let shells = [
            "<!doctype html><html><head><title>A shop with a name that says what it sells to you, all of it, at length, and \
             more</title><script src=a.js></script></head><body><div id=app></div></body></html>"
                .to_owned(),
            format!("<body><div id=root></div><script>var text = \"{text}\";</script>"),
            format!("<body><noscript>{text}</noscript><SCRIPT>1</SCRIPT><style>{text}</style><!-- {text} -->"),
            "<script>".to_owned(),
            "<p>Loading</p><script>if (a < b) { x = '</' }</script>".to_owned(),
        ];
        for shell in shells {
            assert!(looks_like_a_shell(shell.as_bytes()), "{shell}");
        }
        let pages = [
            format!("<body><p>{text}</p><script src=a.js></script>"),
            "<p>short, and without a script".to_owned(),
            "<body><img src=chart.png><script src=a.js></script>".to_owned(),
            format!("<script>1</script>{text}"),
            String::new(),
        ];
        for page in pages {
            assert!(!looks_like_a_shell(page.as_bytes()), "{page}");
        }
    }

    #[test]
    fn it_is_done_in_a_time_that_grows_with_the_page_alone() {
        let begun = std::time::Instant::now();
        for hostile in [
            "<".repeat(LONGEST),
            "<script></".repeat(LONGEST / 10),
            "<!--".repeat(LONGEST / 4),
        ] {
            let _ = looks_like_a_shell(hostile.as_bytes());
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    }
}
