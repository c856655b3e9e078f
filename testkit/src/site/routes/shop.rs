//! A small shop to crawl: every page is made from its number alone.

use http::StatusCode;

use super::Visit;
use super::reply::{Reply, ReplyExt as _, not_found, page};

/// How many listing pages there are.
pub const LISTING_PAGES: usize = 10;
/// How many products each lists.
pub const PRODUCTS_PER_PAGE: usize = 20;
/// How many products there are, numbered from 1.
pub const PRODUCTS: usize = LISTING_PAGES * PRODUCTS_PER_PAGE;

const MATERIALS: [&str; 5] = ["Silk", "Linen", "Cotton", "Wool", "Hemp"];
const THINGS: [&str; 8] = ["Scarf", "Ribbon", "Rope", "Net", "Shirt", "Tent", "Sail", "Thread"];
const BLURB: &str = "Woven by hand on a loom older than the road it travelled, packed in cedar, carried over two \
    mountain passes and one desert, and never once wet. Each piece bears the mark of its weaver, and wears better than \
    the hands that made it.";

/// Name of a product.
#[must_use]
pub fn product_name(id: usize) -> String {
    let thing = THINGS[id / MATERIALS.len() % THINGS.len()];
    format!("{} {thing} No. {id}", MATERIALS[id % MATERIALS.len()])
}

/// Price of a product, in cents.
#[must_use]
pub fn product_price(id: usize) -> usize {
    500 + id * 37 % 9_500
}

/// Description of a product.
#[must_use]
pub fn product_description(id: usize) -> String {
    format!("{}. {BLURB} Batch {}.", product_name(id), id * 7)
}

fn stock(id: usize) -> &'static str {
    if id.is_multiple_of(7) {
        "Out of stock"
    } else {
        "In stock"
    }
}

pub(super) fn euros(cents: usize) -> String {
    format!("€{}.{:02}", cents / 100, cents % 100)
}

/// The listing, for who sends what every browser sends of a page that somebody goes to.
pub(super) fn browsers_only(visit: &Visit) -> Reply {
    let agent = visit.request.header("user-agent").unwrap_or_default();
    let goes_there = visit.request.header("sec-fetch-mode") == Some("navigate");
    if agent.starts_with("Mozilla/5.0 ") && goes_there {
        return listing(visit);
    }
    page(
        "Access denied",
        "<h1>Access denied</h1>\n<p>This shop is for people.</p>",
    )
    .with_status(StatusCode::FORBIDDEN)
}

pub(super) fn listing(visit: &Visit) -> Reply {
    let Some(number) = visit.param("page").map_or(Some(1), |page| page.parse().ok()) else {
        return not_found();
    };
    if !(1..=LISTING_PAGES).contains(&number) {
        return not_found();
    }
    let first = (number - 1) * PRODUCTS_PER_PAGE + 1;
    let items: String = (first..first + PRODUCTS_PER_PAGE).map(item).collect();
    let previous = (number > 1).then(|| format!("<a class=\"prev\" href=\"/shop?page={}\">Previous</a>\n", number - 1));
    let next =
        (number < LISTING_PAGES).then(|| format!("<a class=\"next\" href=\"/shop?page={}\">Next</a>\n", number + 1));
    let body = format!(
        "<h1>Shop</h1>\n<p class=\"position\">Page {number} of {LISTING_PAGES}</p>\n<ul class=\"products\">\n{items}</ul>\n\
         <nav>\n{}{}</nav>",
        previous.unwrap_or_default(),
        next.unwrap_or_default()
    );
    page(&format!("Shop, page {number}"), &body)
}

fn item(id: usize) -> String {
    format!(
        "<li class=\"item\" data-id=\"{id}\">\n\
         <h2><a class=\"product\" href=\"/shop/product/{id}\" title=\"{name}\">{name}</a></h2>\n\
         <p class=\"price\" data-cents=\"{cents}\">{price}</p>\n\
         <p class=\"stock\">{stock}</p>\n\
         <p class=\"teaser\">{BLURB}</p>\n</li>\n",
        name = product_name(id),
        cents = product_price(id),
        price = euros(product_price(id)),
        stock = stock(id),
    )
}

pub(super) fn product(id: &str) -> Reply {
    match id.parse::<usize>() {
        Ok(id) if (1..=PRODUCTS).contains(&id) => page(&product_name(id), &details(id)),
        _ => page("No such product", "<h1>No such product</h1>").with_status(StatusCode::NOT_FOUND),
    }
}

fn details(id: usize) -> String {
    let related: String = (1..=3)
        .map(|step| (id + step * 13 - 1) % PRODUCTS + 1)
        .map(|id| {
            format!(
                "<li><a class=\"related\" href=\"/shop/product/{id}\">{}</a></li>\n",
                product_name(id)
            )
        })
        .collect();
    format!(
        "<nav><a class=\"back\" href=\"/shop?page={page}\">Shop</a></nav>\n\
         <article class=\"product-page\">\n<h1 class=\"name\">{name}</h1>\n\
         <p class=\"price\" data-cents=\"{cents}\">{price}</p>\n<p class=\"sku\">SKU-{id:05}</p>\n\
         <p class=\"stock\">{stock}</p>\n<p class=\"description\">{description}</p>\n</article>\n\
         <aside>\n<h2>Related</h2>\n<ul>\n{related}</ul>\n</aside>",
        page = (id - 1) / PRODUCTS_PER_PAGE + 1,
        name = product_name(id),
        cents = product_price(id),
        price = euros(product_price(id)),
        stock = stock(id),
        description = product_description(id),
    )
}
