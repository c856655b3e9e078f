//! What it costs to parse a listing page and take its title and three fields of each item from it, against the crates
//! that could be used instead. `cargo bench -p silkroute-select` prints the processor time of each and its ratio to
//! `scraper`, as the median of rounds in which all take turns: on a busy machine only ratios of the same round mean
//! something.

#![allow(clippy::expect_used, reason = "all that is expected here is constant")]

use std::fmt::Write as _;
use std::hint::black_box;

use cpu_time::ProcessTime;
use silkroute_select::{Document, Selector};
use url::Url;

const ROUNDS: usize = 15;
const PAGES_PER_ROUND: usize = 300;

/// Bytes that must come out the same of each contestant: title and fields.
type Fields = usize;
type Contestant = (&'static str, Box<dyn Fn(&str) -> Fields>);

fn main() {
    let contestants = contestants();
    for (title, items, pages) in [
        ("listing of 10 KB", 23, PAGES_PER_ROUND),
        ("listing of 440 KB", 1_070, 8),
    ] {
        let page = listing(items);
        println!("{title} ({} bytes, {items} items)", page.len());
        let expected = contestants[0].1(&page);
        let mut times = vec![Vec::new(); contestants.len()];
        for _ in 0..ROUNDS {
            for (at, (name, run)) in contestants.iter().enumerate() {
                let start = ProcessTime::now();
                for _ in 0..pages {
                    let fields = black_box(run(black_box(&page)));
                    assert!(
                        name.ends_with("parse only") || fields == expected,
                        "{name}: {fields} != {expected}"
                    );
                }
                times[at].push(start.elapsed().as_secs_f64() * 1e6 / pages as f64);
            }
        }
        for (at, (name, _)) in contestants.iter().enumerate() {
            let reference = if name.ends_with("parse only") { 1 } else { 0 };
            let ratios = times[at]
                .iter()
                .zip(&times[reference])
                .map(|(time, reference)| time / reference)
                .collect();
            println!(
                "  {name:<36} {:>9.1} us   {:.2}x",
                median(times[at].clone()),
                median(ratios)
            );
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn contestants() -> Vec<Contestant> {
    let url: Url = "https://shop.test/".parse().expect("a constant URL");
    let (by_text, only_parse) = (url.clone(), url.clone());
    let read = |text: &str| Selector::parse(text).expect("a constant selector");
    let selectors = [
        read("title::text"),
        read("li.item"),
        read("a.product::text"),
        read("a.product::attr(href)"),
        read("p.price::text"),
    ];
    vec![
        ("scraper", Box::new(scraper_fields())),
        (
            "scraper, parse only",
            Box::new(|html| scraper::Html::parse_document(html).tree.nodes().len()),
        ),
        ("dom_query", Box::new(dom_query_fields())),
        (
            "dom_query, parse only",
            Box::new(|html| usize::from(dom_query::Document::from(html).root().first_child().is_some())),
        ),
        (
            "silkroute-select, selectors read before",
            Box::new(move |html| {
                let page = Document::parse(html, url.clone());
                let [title, item, rest @ ..] = &selectors;
                let mut bytes = page.select(title).get_or("").len();
                for item in page.select(item) {
                    bytes += rest
                        .iter()
                        .map(|field| item.select(field).get_or("").len())
                        .sum::<usize>();
                }
                bytes
            }),
        ),
        (
            "silkroute-select, selectors as text",
            Box::new(move |html| {
                let page = Document::parse(html, by_text.clone());
                let get = |found: silkroute_core::Result<silkroute_select::Selection<'_>>| {
                    found.expect("a constant selector").get_or("").len()
                };
                let mut bytes = get(page.css("title::text"));
                for item in page.css("li.item").expect("a constant selector") {
                    bytes += get(item.css("a.product::text"));
                    bytes += get(item.css("a.product::attr(href)"));
                    bytes += get(item.css("p.price::text"));
                }
                bytes
            }),
        ),
        (
            "silkroute-select, parse only",
            Box::new(move |html| usize::from(Document::parse(html, only_parse.clone()).root().name() == "html")),
        ),
    ]
}

fn scraper_fields() -> impl Fn(&str) -> Fields {
    let read = |text: &str| scraper::Selector::parse(text).expect("a constant selector");
    let [title, item, link, price] = ["title", "li.item", "a.product", "p.price"].map(read);
    move |html| {
        let page = scraper::Html::parse_document(html);
        let text = |element: Option<scraper::ElementRef<'_>>| {
            element
                .and_then(|element| element.text().next())
                .map(str::to_owned)
                .unwrap_or_default()
                .len()
        };
        let mut bytes = text(page.select(&title).next());
        for item in page.select(&item) {
            bytes += text(item.select(&link).next());
            let href = item
                .select(&link)
                .next()
                .and_then(|link| link.attr("href"))
                .map(str::to_owned);
            bytes += href.unwrap_or_default().len();
            bytes += text(item.select(&price).next());
        }
        bytes
    }
}

fn dom_query_fields() -> impl Fn(&str) -> Fields {
    let read = |text: &str| dom_query::Matcher::new(text).expect("a constant selector");
    let [title, item, link, price] = ["title", "li.item", "a.product", "p.price"].map(read);
    move |html| {
        let page = dom_query::Document::from(html);
        let mut bytes = page.select_single_matcher(&title).text().len();
        for item in page.select_matcher(&item).iter() {
            bytes += item.select_single_matcher(&link).text().len();
            bytes += item
                .select_single_matcher(&link)
                .attr("href")
                .map_or(0, |href| href.len());
            bytes += item.select_single_matcher(&price).text().len();
        }
        bytes
    }
}

/// A listing like those of the test site's shop.
fn listing(items: usize) -> String {
    let mut html = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Shop, page 3</title>\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<h1>Shop</h1>\n<ul class=\"products\">\n",
    );
    for id in 1..=items {
        write!(
            html,
            "<li class=\"item\" data-id=\"{id}\">\n\
             <h2><a class=\"product\" href=\"/shop/product/{id}\" title=\"Silk Scarf No. {id}\">Silk Scarf No. {id}</a></h2>\n\
             <p class=\"price\" data-cents=\"{id}50\">\u{20ac}{id}.50</p>\n\
             <p class=\"stock\">In stock</p>\n\
             <p class=\"teaser\">Woven by hand on a loom older than the road it travelled, packed in cedar, carried over \
             two mountain passes &amp; one desert, and never once wet. Each piece bears the mark of its weaver.</p>\n</li>\n"
        )
        .expect("a String takes all that is written to it");
    }
    html.push_str("</ul>\n<nav>\n<a class=\"next\" href=\"/shop?page=4\">Next</a>\n</nav>\n</body>\n</html>\n");
    html
}
