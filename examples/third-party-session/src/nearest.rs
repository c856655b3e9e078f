//! For the text of an error: what is on record and looks like what was asked for.

use url::Url;

/// How many are named.
const NAMED: usize = 3;

/// The URLs that share the most with this one from their start on, best first.
pub(crate) fn nearest<'a>(asked: &Url, recorded: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let shared = |text: &str| {
        let pairs = text.bytes().zip(asked.as_str().bytes());
        pairs.take_while(|(recorded, asked)| recorded == asked).count()
    };
    let mut ranked: Vec<_> = recorded.map(|text| (shared(text), text)).collect();
    ranked.sort_by(|(a, one), (b, other)| b.cmp(a).then(one.len().cmp(&other.len())).then(one.cmp(other)));
    ranked.into_iter().take(NAMED).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_common_beginning_comes_first() {
        let recorded = [
            "http://a.test/",
            "http://shop.test/",
            "http://shop.test/list?page=1",
            "http://shop.test/list?page=2",
        ];
        let asked = Url::parse("http://shop.test/list?page=3").unwrap();
        let found = nearest(&asked, recorded.into_iter());
        assert_eq!(
            found,
            [
                "http://shop.test/list?page=1",
                "http://shop.test/list?page=2",
                "http://shop.test/"
            ]
        );
    }
}
