//! A catalogue of as many pages as one likes, to crawl for a while: each is made from its number alone, and has some
//! 10 KB of the markup that shops have.

use std::fmt::Write as _;
use std::time::Duration;

use super::Visit;
use super::reply::{Reply, not_found, page};
use super::shop::{euros, product_description, product_name, product_price};

/// Each page leads to so many that no other page but their neighbours leads to.
const CHILDREN: usize = 10;
/// Rows of its table. They make up most of its size.
const ROWS: usize = 50;
const MOST_PAGES: usize = 10_000_000;

/// Page `number`, from 0, of so many. From page 0 every other can be reached.
pub(super) async fn catalogue(visit: &Visit, pages: &str, number: &str) -> Reply {
    let (Ok(pages), Ok(number)) = (pages.parse::<usize>(), number.parse::<usize>()) else {
        return not_found();
    };
    if pages > MOST_PAGES || number >= pages {
        return not_found();
    }
    let wait = visit.number("ms", 0);
    if wait > 0 {
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    let query = if wait > 0 { format!("?ms={wait}") } else { String::new() };
    page(
        &format!("{}, page {number}", product_name(number)),
        &body(pages, number, &query),
    )
}

fn body(pages: usize, number: usize, query: &str) -> String {
    let mut body = String::with_capacity(10 * 1024);
    let link = |body: &mut String, class: &str, to: usize, text: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            body,
            "<a class=\"{class}\" href=\"/catalogue/{pages}/{to}{query}\">{text}</a>"
        );
    };
    body.push_str("<nav class=\"top\">\n");
    link(&mut body, "home", 0, "Home");
    if number > 0 {
        link(&mut body, "up", (number - 1) / CHILDREN, "Up");
        link(&mut body, "previous", number - 1, "Previous");
    }
    if number + 1 < pages {
        link(&mut body, "next", number + 1, "Next");
    }
    let _ = write!(
        body,
        "</nav>\n<article class=\"product-page\">\n<h1 class=\"name\">{name}</h1>\n\
         <p class=\"price\" data-cents=\"{cents}\">{price}</p>\n<p class=\"sku\">SKU-{number:07}</p>\n\
         <p class=\"description\">{description}</p>\n<table class=\"facts\">\n<tbody>\n",
        name = product_name(number),
        cents = product_price(number),
        price = euros(product_price(number)),
        description = product_description(number),
    );
    for row in 0..ROWS {
        let of = number.wrapping_mul(31).wrapping_add(row * 7);
        let _ = writeln!(
            body,
            "<tr class=\"fact\" data-row=\"{row}\"><th scope=\"row\">Measure {row}</th><td class=\"value\">{of} mm</td>\
             <td class=\"note\">as <em>woven</em>, batch {batch}; <span class=\"hint\">see label</span></td></tr>",
            batch = of % 97,
        );
    }
    body.push_str("</tbody>\n</table>\n</article>\n<ul class=\"below\">\n");
    for child in (number * CHILDREN + 1..=(number + 1) * CHILDREN).take_while(|child| *child < pages) {
        body.push_str("<li>");
        link(&mut body, "below", child, &product_name(child));
        body.push_str("</li>");
    }
    body.push_str("</ul>\n<footer><p>Prices include the journey.</p></footer>");
    body
}
