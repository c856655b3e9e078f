//! What a large page takes, of memory and of time. A binary of its own: it looks at the whole process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::time::{Duration, Instant};

use silkroute_select::Document;

/// Many times what it takes even without optimisation.
const PATIENCE: Duration = Duration::from_secs(120);

/// The memory that the process holds (`VmRSS:`), or the most that it has held so far (`VmHWM:`), in bytes; `None` where there
/// is no /proc.
fn held(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024.0)
}

#[test]
fn a_table_of_fifty_megabytes_takes_at_most_five_times_its_length() {
    let row = "<tr class=row><td>some text of a cell</td><td><a href='/item/1'>link</a></td></tr>\n";
    let rows = 50_000_000 / row.len();
    let html = format!("<table>{}</table>", row.repeat(rows));
    // Not the peak: the page was made of a copy of its rows.
    let before = held("VmRSS:");
    let start = Instant::now();
    let page = Document::parse(&html, "http://shop.test/".parse().unwrap());
    assert_eq!(page.css("tr.row").unwrap().len(), rows);
    assert_eq!(page.css("a::attr(href)").unwrap().len(), rows);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    let (Some(before), Some(after)) = (before, held("VmHWM:")) else {
        eprintln!("NOT RUN in full: there is no /proc/self/status here");
        return;
    };
    let times = (after - before) / html.len() as f64;
    println!("{times:.2} times its length");
    assert!(times < 5.0, "{times:.2} times its length");
}
