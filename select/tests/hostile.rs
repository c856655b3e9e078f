//! Pages and selectors that someone made to break things.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use silkroute_select::{Document, Element, Selector};
use url::Url;

fn url() -> Url {
    "https://shop.test/".parse().unwrap()
}

/// Linear work takes a fraction of this even without optimisation, quadratic work many times as long.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_hundred_thousand_nested_elements_are_all_there_in_their_places() {
    let depth = 100_000;
    let html = format!(
        "{}<p id=deep>x</p>{}<p id=after>y",
        "<div>".repeat(depth),
        "</div>".repeat(depth)
    );
    // On the stack of a common worker thread, twice as small as the main thread's.
    let worker = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let page = Document::parse(html, url());
        assert_eq!(page.css("div").unwrap().len(), depth);
        assert_eq!(page.css("div > div").unwrap().len(), depth - 1);
        assert_eq!(page.css("div:has(#deep)").unwrap().len(), depth);
        assert_eq!(page.css("div:has(p)::text").unwrap().len(), 0);
        assert!(page.css("div:has(.missing)").unwrap().is_empty());
        assert!(page.css("div:has(> #after)").unwrap().is_empty());
        assert_eq!(page.css("#deep::text").unwrap().get().as_deref(), Some("x"));
        assert_eq!(
            page.css("#after").unwrap().first().unwrap().parent().unwrap().name(),
            "body"
        );
        assert_eq!(page.text(), "xy");
        let html = page.html();
        assert_eq!(html.matches("</div>").count(), depth);
        assert_eq!(Document::parse(&html, url()).html(), html);
        let deep = page.css("#deep").unwrap().first().unwrap();
        assert_eq!(
            std::iter::successors(Some(deep), |element| element.parent()).count(),
            depth + 3
        );
    });
    let start = Instant::now();
    worker.unwrap().join().unwrap();
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn deep_markup_keeps_to_the_simple_rules() {
    let deep = "<section>".repeat(600);
    let page = |html: &str| Document::parse(format!("{deep}{html}"), url());
    let texts = |html: &str, selector: &str| page(html).css(selector).unwrap().get_all();
    assert_eq!(
        texts("<ul><li>a<li>b</ul><p>c<br>d", "li::text, p::text"),
        ["a", "b", "c", "d"]
    );
    assert_eq!(texts("<script>if (a<b) '</p>'</script><p>x", "p::text"), ["x"]);
    assert_eq!(texts("<script>a<b</script>", "script::text"), ["a<b"]);
    assert_eq!(
        texts(
            "<svg><path d=x /><title>t</title></svg><i>u</i>",
            "svg > title::text, section > i::text"
        ),
        ["t", "u"]
    );
    assert_eq!(texts("<b></nothing>x</b></main>y", "b::text"), ["x"]);
    let closed = format!("{}<p>z", "</section>".repeat(600));
    assert_eq!(texts(&closed, "body > p::text"), ["z"]);
}

#[test]
fn no_markup_takes_time_or_memory_in_the_square_of_its_length() {
    let repeated = |piece: &str| piece.repeat(1_000_000 / piece.len());
    let mut pages: Vec<String> = [
        "<b>",
        "<ul><li>",
        "<a href=x>",
        "<p><b>",
        "<table><tr><td>",
        "<table>x<tr><td>y</td>",
        "<span></div>",
        "<p><b x=1><b x=2><b x=3></p>",
        "<select><option>",
        "<svg><g>",
        "<template>",
        "<form>",
        "<a ",
        "</p>",
        "&amp",
        "<!--",
        "<i></div></b>",
        "<button><p>",
        "<h1><h2>",
    ]
    .map(repeated)
    .to_vec();
    pages.push((0..50_000).map(|id| format!("<p><font id={id}></p>")).collect());
    pages.push(format!("<b x={}>{}", "y".repeat(500_000), "<p>".repeat(150_000)));
    pages.push(format!(
        "<b {}>",
        (0..100_000).map(|at| format!("a{at} ")).collect::<String>()
    ));
    let names: String = (0..1_000).map(|at| format!("a{at} ")).collect();
    pages.push(format!("<p><b {names}>{}", "<p>x".repeat(10_000)));
    for html in pages {
        let start = Instant::now();
        let page = Document::parse(&html, url());
        let written = page.html().len();
        assert!(start.elapsed() < PATIENCE, "{:.40}: {:?}", html, start.elapsed());
        assert!(written < html.len() * 80, "{html:.40}: {written}");
    }
}

/// Markup with the tags that the rules of HTML treat in their own ways.
fn markup(deepest: usize) -> impl Strategy<Value = String> {
    let tag = prop::sample::select(vec![
        "a",
        "b",
        "p",
        "div",
        "table",
        "tr",
        "td",
        "select",
        "option",
        "svg",
        "math",
        "template",
        "script",
        "title",
        "form",
        "li",
        "ul",
        "body",
        "html",
        "head",
        "frameset",
        "font",
        "nobr",
        "button",
        "h1",
        "foreignObject",
        "mi",
        "annotation-xml",
        "caption",
        "col",
        "input",
        "plaintext",
    ]);
    let piece = prop_oneof![
        4 => tag.clone().prop_map(|tag| format!("<{tag}>")),
        3 => tag.clone().prop_map(|tag| format!("</{tag}>")),
        1 => tag.prop_map(|tag| format!("<{tag} class='x y' id=z />")),
        2 => prop::sample::select(vec!["x", " ", "&amp;", "\0", "<!-- c -->", "<![CDATA[d]]>", "<!DOCTYPE html>", "\u{e9}"])
            .prop_map(str::to_owned),
    ];
    (prop::collection::vec(piece, 0..60), 0..=deepest)
        .prop_map(|(pieces, deep)| format!("{}{}", "<i x=1>".repeat(deep * 520), pieces.concat()))
}

/// A tree as a list: each element with its depth and attributes, each text added to the line it is in.
fn as_html5ever_sees_it(html: &str) -> Vec<String> {
    let page = scraper::Html::parse_document(html);
    let elements = page.tree.root().descendants().filter_map(scraper::ElementRef::wrap);
    let line = |element: scraper::ElementRef<'_>| {
        let mut attributes: Vec<_> = element.value().attrs().collect();
        attributes.sort_unstable();
        let own: String = element
            .children()
            .filter_map(|child| child.value().as_text().map(|text| &**text))
            .collect();
        let depth = 1 + element.ancestors().filter(|node| node.value().is_element()).count();
        // There, what a template holds is in a fragment between.
        let own = if element.value().name() == "template" { "" } else { &own };
        format!("{depth} {} {attributes:?} {own:?}", element.value().name())
    };
    elements.map(line).collect()
}

fn as_we_see_it(html: &str) -> Vec<String> {
    let page = Document::parse(html, url());
    let line = |element: Element<'_>| {
        let mut attributes: Vec<_> = element.attrs().collect();
        attributes.sort_unstable();
        let own = element.css(":scope::text").unwrap().get_all().concat();
        let depth = std::iter::successors(Some(element), |element| element.parent()).count();
        let own = if element.name() == "template" { "" } else { &own };
        format!("{depth} {} {attributes:?} {own:?}", element.name())
    };
    page.css("*").unwrap().iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_page(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let page = Document::parse(String::from_utf8_lossy(&bytes), url());
        prop_assert_eq!(page.root().name(), "html");
        let _html = page.html();
    }

    #[test]
    fn any_markup_is_a_tree_in_document_order(html in markup(1)) {
        let page = Document::parse(&html, url());
        let elements = page.css("*").unwrap();
        prop_assert_eq!(page.css("html, html *").unwrap().len(), elements.len());
        for element in &elements {
            for child in element.children() {
                prop_assert_eq!(child.parent(), Some(element));
            }
            if let Some(next) = element.next() {
                prop_assert_eq!(next.prev(), Some(element));
            }
        }
        let direct: String = page.css("::text").unwrap().get_all().concat();
        prop_assert!(direct.len() >= page.text().len());
    }

    #[test]
    fn above_the_depth_of_browsers_the_tree_is_that_of_html5ever(html in markup(0)) {
        prop_assert_eq!(as_we_see_it(&html), as_html5ever_sees_it(&html));
    }

    #[test]
    fn any_text_is_a_selector_or_an_error(selector in "\\PC{0,40}") {
        let page = Document::parse("<p class=x>a<b id=y>c</b></p>", url());
        if let Ok(selector) = Selector::parse(&selector) {
            let _values = page.select(&selector).get_all();
        }
    }

    #[test]
    fn anything_like_a_selector_is_one_or_an_error(
        parts in prop::collection::vec(prop::sample::select(vec![
            "a", "*", ".x", "#y", "[", "]", "(", ")", ":", "::text", "::attr(href)", ":not(", ":is(", ":has(", ",", " ",
            ">", "+", "~", "|", "=", "\"", "'", "\\", "i", ":nth-child(", "2n+1", " of ", ":contains(", "é", "/*", "*/",
            "&", ":scope", ":root", ":empty", "!", "@", "{", "}",
        ]), 0..14)
    ) {
        let text = parts.concat();
        let page = Document::parse("<p class=x>a<b id=y>c</b></p>", url());
        if let Ok(selector) = Selector::parse(&text) {
            let _values = page.select(&selector).get_all();
        }
    }
}
