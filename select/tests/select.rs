//! What selectors find, and what is made of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use silkroute_core::Error;
use silkroute_select::{Document, Selector};

fn page(html: &str) -> Document {
    Document::parse(html, "https://shop.test/dir/page".parse().unwrap())
}

#[track_caller]
fn all(html: &str, selector: &str) -> Vec<String> {
    page(html).css(selector).unwrap().get_all()
}

#[test]
fn text_is_that_directly_in_each_match_unless_a_space_comes_first() {
    let html = "<p>a<b>b<i>c</i></b>d</p>";
    assert_eq!(all(html, "p::text"), ["a", "d"]);
    assert_eq!(all(html, "p ::text"), ["a", "b", "c", "d"]);
    assert_eq!(all(html, "p *::text"), ["a", "b", "c", "d"]);
    assert_eq!(all(html, "p > *::text"), ["b"]);
    assert_eq!(all(html, "*::text"), ["a", "b", "c", "d"]);
    assert_eq!(all(html, "::text"), ["a", "b", "c", "d"]);
    assert_eq!(all(html, "b *::text, p::text"), ["a", "b", "c", "d"]);
    assert_eq!(all("<p>a<!-- x -->b</p>", "p::text"), ["ab"]);
}

#[test]
fn the_texts_of_all_hits() {
    let page = page("<p>a<b>b</b></p><p title=t>c</p>");
    assert_eq!(page.css("p").unwrap().texts(), ["ab", "c"]);
    assert_eq!(page.css("p::text, p::attr(title)").unwrap().texts(), ["a", "t", "c"]);
    assert!(page.css("i").unwrap().texts().is_empty());
}

#[test]
fn attributes_are_found_by_any_case_and_only_where_they_are() {
    let html = "<a HREF=1 data-x=a>x</a><a>y</a><a href=''>z</a><svg viewBox='0 0 1 1'><use xlink:href='#i'/></svg>";
    assert_eq!(all(html, "a::attr(href)"), ["1", ""]);
    assert_eq!(all(html, "A::attr(HREF)"), ["1", ""]);
    assert_eq!(all(html, "svg::attr(viewBox)"), ["0 0 1 1"]);
    assert_eq!(all(html, r"use::attr(xlink\:href)"), ["#i"]);
    assert_eq!(all(html, "body ::attr(data-x)"), ["a"]);
    let page = page(html);
    assert_eq!(page.css("a").unwrap().attr("DATA-X"), Some("a"));
    assert_eq!(page.css("a").unwrap().last().unwrap().attr("data-x"), None);
    let names: Vec<_> = page.css("a").unwrap().first().unwrap().attrs().collect();
    assert_eq!(names, [("href", "1"), ("data-x", "a")]);
}

#[test]
fn a_list_is_one_selection_in_document_order_without_repeats() {
    let html = "<div><p class=x>1</p><h1 title=t>2</h1></div>";
    assert_eq!(all(html, "h1::text, p::text, .x::text"), ["1", "2"]);
    assert_eq!(all(html, "h1::text, h1::attr(title), p::attr(class)"), ["x", "t", "2"]);
    assert_eq!(page("<p><p><p>").css("p, p, *:is(p)").unwrap().len(), 3);
}

#[test]
fn selectors_of_css_4() {
    let html =
        "<ul><li id=a class='x y'>1<li id=b>2<a href=/x>l</a><li id=c lang=en-GB data-k='One two'>3<li>4</ul><p></p>";
    for (selector, ids) in [
        ("li:has(a)", &["b"][..]),
        ("li:has(> a[href])", &["b"]),
        ("li:has(+ #c)", &["b"]),
        ("li:has(~ #c)", &["a", "b"]),
        ("ul:has(#c) > li:first-child", &["a"]),
        ("li:not(:has(a)):not([lang])[id]", &["a"]),
        ("li:is(#a, #c)", &["a", "c"]),
        ("li:where(.x.y)", &["a"]),
        ("li:nth-child(2)", &["b"]),
        ("li:nth-child(odd)", &["a", "c"]),
        ("li:nth-last-of-type(2)", &["c"]),
        ("li:nth-child(1 of [lang])", &["c"]),
        ("[lang|=en]", &["c"]),
        ("[data-k~=two]", &["c"]),
        ("[data-k^='one' i]", &["c"]),
        ("[data-k$=two][data-k*=' ']", &["c"]),
        ("#a + li", &["b"]),
        ("#a ~ li[lang]", &["c"]),
        ("li:contains('2l')", &["b"]),
    ] {
        assert_eq!(
            all(html, &format!("{selector}::attr(id)")).as_slice(),
            ids,
            "{selector}"
        );
    }
    assert_eq!(all(html, "p:empty"), ["<p></p>"]);
    assert_eq!(all(html, "a:any-link::text"), ["l"]);
    assert_eq!(page(html).css(":root").unwrap().first().unwrap().name(), "html");
}

#[test]
fn a_search_in_an_element_sees_it_and_nothing_around_it() {
    let page = page("<div id=o><a id=i href=/1><b>x</b></a></div><a href=/2>y</a>");
    let link = page.css("#i").unwrap().first().unwrap();
    assert_eq!(link.css("::attr(href)").unwrap().get().as_deref(), Some("/1"));
    assert_eq!(link.css("a::attr(href)").unwrap().get_all(), ["/1"]);
    assert!(link.css("div b").unwrap().is_empty());
    assert_eq!(link.css(":scope > b::text").unwrap().get_all(), ["x"]);
    assert_eq!(page.css("div, a").unwrap().css("b").unwrap().len(), 1);
    assert_eq!(link.parent().unwrap().attr("id"), Some("o"));
    assert_eq!(link.parent().unwrap().next().unwrap().attr("href"), Some("/2"));
}

#[test]
fn what_is_not_found_is_none_and_no_error() {
    let page = page("<p>x</p>");
    let none = page.css("h1::text").unwrap();
    assert_eq!(
        (none.get(), none.get_or("-"), none.get_all().len()),
        (None, "-".to_owned(), 0)
    );
    assert!(none.is_empty() && none.first().is_none() && none.text().is_none() && none.html().is_none());
    assert_eq!(none.re_first("x").unwrap(), None);
}

#[test]
fn text_leaves_out_code_and_html_puts_it_back() {
    let html = "<div>a &lt; b<script>if (a < b) {}</script><style>p{}</style><p title='\"&'>c&nbsp;d<br></div>";
    let page = page(html);
    let div = page.css("div").unwrap();
    assert_eq!(div.text().unwrap(), "a < bc\u{a0}d");
    assert_eq!(page.css("script").unwrap().text().unwrap(), "if (a < b) {}");
    assert_eq!(
        div.get().unwrap(),
        "<div>a &lt; b<script>if (a < b) {}</script><style>p{}</style><p title=\"&quot;&amp;\">c&nbsp;d<br></p></div>"
    );
    let again = Document::parse(page.html(), page.url().clone());
    assert_eq!(again.html(), page.html());
}

#[test]
fn regular_expressions_give_groups_or_whole_matches_of_decoded_text() {
    let page = page("<p>1&amp;2</p><p a=x7>34</p>");
    let p = page.css("p").unwrap();
    assert_eq!(p.re(r"\d").unwrap(), ["1", "2", "3", "4"]);
    assert_eq!(p.re(r"(\d)&(\d)").unwrap(), ["1", "2"]);
    assert_eq!(
        page.css("p::attr(a)").unwrap().re_first(r"x(\d)").unwrap().as_deref(),
        Some("7")
    );
    assert!(p.re("(").unwrap_err().to_string().contains("regular expression"));
}

#[test]
fn the_first_base_says_what_links_are_relative_to() {
    assert_eq!(
        page("").urljoin("x?y#z").unwrap().as_str(),
        "https://shop.test/dir/x?y#z"
    );
    let moved = page("<base target=_top><base href='../other/'><base href=/no/>");
    assert_eq!(moved.base_url().as_str(), "https://shop.test/other/");
    assert_eq!(moved.urljoin("x").unwrap().as_str(), "https://shop.test/other/x");
    assert_eq!(
        page("<base href='javascript:x'>").base_url().as_str(),
        "https://shop.test/dir/page"
    );
    assert!(matches!(page("").urljoin("http://["), Err(Error::Invalid { .. })));
}

#[test]
fn broken_markup_is_a_page() {
    assert_eq!(page("").html(), "<html><head></head><body></body></html>");
    assert_eq!(all("<p>a<p>b<li>c", "p::text, li::text"), ["a", "b", "c"]);
    assert_eq!(all("<b><i>x</b>y</i>", "i::text"), ["x", "y"]);
    assert_eq!(
        page("<table>x<tr><td>y")
            .css("body")
            .unwrap()
            .first()
            .unwrap()
            .inner_html(),
        "x<table><tbody><tr><td>y</td></tr></tbody></table>"
    );
    assert_eq!(all("<a href=x href=y", "a").len(), 0);
    assert_eq!(all("<a href=x href=y>", "a::attr(href)"), ["x"]);
    assert_eq!(
        all("<p>a\0b&#0;&bogus;&#x110000;", "p::text"),
        ["ab\u{fffd}&bogus;\u{fffd}"]
    );
    assert_eq!(
        all(
            "<title>a<b></title><textarea><p></textarea><noscript><p>n</p></noscript>",
            "p::text"
        ),
        ["n"]
    );
    assert_eq!(all("<svg><![CDATA[x<y]]></svg>", "svg::text"), ["x<y"]);
    assert_eq!(all("<template><p>t</p></template>", "p::text"), ["t"]);
    assert_eq!(all("<script><!--<script></script>x--></script><p>y", "p::text"), ["y"]);
    assert_eq!(all("<p>a\r\nb\rc", "p::text"), ["a\nb\nc"]);
}

#[test]
fn a_bad_selector_says_where_and_what_was_expected() {
    for (selector, at, word) in [
        ("", 1, "expected an element"),
        ("div >", 6, "found the end"),
        ("div,, p", 5, "found `,`"),
        ("div, p:hoover", 7, "`:hoover`"),
        ("a::txt", 2, "`::txt`"),
        ("p.", 2, "class name"),
        ("a[href", 2, "never closed"),
        ("a)", 2, "closes nothing"),
        ("a[href='x]", 8, "never closed"),
        ("a[=x]", 2, "attribute's name"),
        ("ü li:not(b, :nope) p", 13, "`:nope`"),
        ("p:has(a:has(b))", 8, "`:has`"),
        ("p::text a", 9, "ends its part"),
        ("$x", 1, "found `$`"),
    ] {
        let error = Selector::parse(selector).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{selector}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("at character {at},")) && text.contains(word),
            "{selector}: {text}"
        );
    }
    assert!(Selector::parse(&"a ".repeat(5_000)).is_err());
    assert!(Selector::parse(&format!("{}a{}", ":not(".repeat(800), ")".repeat(800))).is_err());
}

#[test]
fn documents_go_to_other_threads_and_are_shared() {
    fn sendable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let page = page("<p>x");
    sendable(&page);
    sendable(&Selector::parse("p").unwrap());
    let shared = page.clone();
    let text = std::thread::spawn(move || shared.css("p::text").unwrap().get())
        .join()
        .unwrap();
    assert_eq!(text.as_deref(), Some("x"));
}
