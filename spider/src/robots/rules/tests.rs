use super::*;

/// As Google's reader takes the path out of a URL that nobody has normalised.
fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find(['/', '?', ';']).map_or("/", |at| &rest[at..]);
    let path = path.split('#').next().unwrap_or_default();
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

#[test]
fn it_reads_as_rfc_9309_and_google_do() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/conformance/google_robotstxt.json"
    );
    let Ok(text) = std::fs::read_to_string(file) else {
        let told = format!("the vectors of google/robotstxt are not at {file}");
        assert!(
            std::env::var("SILKROUTE_REQUIRE_VECTORS").as_deref() != Ok("1"),
            "{told}"
        );
        eprintln!("NOT RUN: {told}");
        return;
    };
    #[derive(serde::Deserialize)]
    struct Vector {
        test: String,
        robots: String,
        agent: String,
        url: String,
        allowed: bool,
    }
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    let wrong: Vec<_> = vectors
        .iter()
        .filter(|v| RobotsRules::parse(v.robots.as_bytes(), &v.agent).allows(&path(&v.url)) != v.allowed)
        .map(|v| format!("{}: {:?} {} {} {}", v.test, v.robots, v.agent, v.url, v.allowed))
        .collect();
    println!(
        "robots.txt: {} of {} vectors",
        vectors.len() - wrong.len(),
        vectors.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn agents_with_digits_in_their_names_are_told_apart() {
    for line in ["MJ12bot", "mj12BOT/v1.4.8", "MJ12bot (a crawler)", "MJ12bot\t# ours"] {
        let robots = format!("User-agent: {line}\nDisallow: /");
        let allowed = |agent| RobotsRules::parse(robots.as_bytes(), agent).allows("/x");
        assert!(!allowed("MJ12bot") && !allowed("mj12bot/2.0"), "{line}");
        assert!(allowed("MJ13bot") && allowed("bot") && allowed(""), "{line}");
    }
}

#[test]
fn delays_and_sitemaps_are_read() {
    let rules = RobotsRules::parse(
        b"Sitemap: http://h/s.xml\nUser-agent: a\nCrawl-delay: 0.5\nDisallow:\nUser-agent: *\nCrawl-delay: 9\nDisallow: /",
        "A/1.0",
    );
    assert_eq!(rules.crawl_delay(), Some(Duration::from_millis(500)));
    assert_eq!(rules.sitemaps(), ["http://h/s.xml"]);
    assert!(rules.allows("/x"));
    assert!(!RobotsRules::disallow_all().allows("/x"));
    assert!(RobotsRules::allow_all().allows("/x"));
}

#[test]
fn a_delay_is_of_a_group_and_ends_its_row_of_agents() {
    for delay in ["Crawl-delay: 10", "crawldelay 10", "Crawl-delay: soon"] {
        for gap in ["\n", "\n\n"] {
            let robots = format!("User-agent: *\n{delay}{gap}User-agent: GPTBot\nDisallow: /");
            let (mine, other) = (
                RobotsRules::parse(robots.as_bytes(), "MyBot"),
                RobotsRules::parse(robots.as_bytes(), "GPTBot"),
            );
            let seconds = (!delay.ends_with("soon")).then_some(Duration::from_secs(10));
            assert_eq!((mine.allows("/x"), mine.crawl_delay()), (true, seconds), "{robots}");
            assert_eq!((other.allows("/x"), other.crawl_delay()), (false, None), "{robots}");
        }
    }
    // One of a group that is another's ends that one's row alone.
    let robots = "User-agent: Slow\nCrawl-delay: 10\nUser-agent: *\nUser-agent: MyBot\nDisallow: /a";
    let rules = RobotsRules::parse(robots.as_bytes(), "MyBot");
    assert_eq!((rules.allows("/a"), rules.crawl_delay()), (false, None));
}

#[test]
fn what_is_of_no_group_ends_no_row_of_agents() {
    for line in ["Sitemap: http://h/s.xml", "Host: h", "Request-rate: 1/5", "nonsense"] {
        let robots = format!("User-agent: *\n{line}\nUser-agent: GPTBot\nDisallow: /");
        for agent in ["MyBot", "GPTBot"] {
            assert!(
                !RobotsRules::parse(robots.as_bytes(), agent).allows("/x"),
                "{robots} {agent}"
            );
        }
    }
}

#[test]
fn no_delay_is_longer_than_five_minutes() {
    for (asked, seconds) in [
        ("300", Some(300.0)),
        ("301", Some(300.0)),
        ("1e19", Some(300.0)),
        ("1e400", Some(300.0)),
        ("0", Some(0.0)),
        ("-1", None),
        ("NaN", None),
        ("soon", None),
    ] {
        let rules = RobotsRules::parse(format!("User-agent: *\nCrawl-delay: {asked}").as_bytes(), "");
        assert_eq!(rules.crawl_delay().map(|delay| delay.as_secs_f64()), seconds, "{asked}");
        assert_eq!(
            rules.asks_for_too_long(),
            seconds == Some(300.0) && asked != "300",
            "{asked}"
        );
    }
}

#[test]
fn no_pattern_takes_forever() {
    let pattern = format!("Disallow: /{}b", "*a".repeat(4_000));
    let rules = RobotsRules::parse(format!("User-agent: *\n{pattern}").as_bytes(), "");
    assert!(rules.allows(&format!("/{}", "a".repeat(8_000))));
}
