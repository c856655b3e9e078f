//! What the site's pages are known to say, for tests to compare with.

pub use super::account::{BEARER_TOKEN, DEMO_PASSWORD, DEMO_USER};
pub use super::bodies::{JSON_NUMBER, LARGEST_BODY, PAGE_10K_LENGTH};
pub use super::challenge::CLEARANCE_COOKIE;
pub use super::consistency::{CONSISTENCY_PAGE_PLACES, CONSISTENCY_PLACES};
pub use super::encodings::{JAPANESE_TEXT, UTF8_TEXT, WESTERN_TEXT};
pub use super::scripts::{API_TOKEN, SCRIPTED_ITEMS, SCROLL_ITEMS, SUBREQUESTS};
pub use super::shop::{LISTING_PAGES, PRODUCTS, PRODUCTS_PER_PAGE, product_description, product_name, product_price};
