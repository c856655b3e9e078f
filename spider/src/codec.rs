//! Visits as the frontier holds them: a few bytes more than their URL.
//!
//! A plain link takes its URL, and of its referer only where that differs from it: links and the pages they stand on
//! mostly share their beginning. What is out of the ordinary (headers, a body, options, meta) follows as JSON.

use std::sync::OnceLock;

use http::{HeaderValue, Method, header};
use silkroute_core::{RequestParts, redact_url};
use url::Url;

use crate::visit::Step;
use crate::{BoxError, Visit};

const SESSION: u8 = 1;
const REFERER: u8 = 2;
const STEP: u8 = 4;
const PARTS: u8 = 8;
const AGAIN: u8 = 16;
const CLIMB: u8 = 32;

/// Characters that are shown of a step that cannot be read, and of why.
const SHOWN: usize = 200;

/// Writes and reads the visits of one spider.
pub(crate) struct Codec<S> {
    own: Implied<S>,
    /// That of the run that began the crawl, where that is not this one.
    begun: OnceLock<Implied<S>>,
}

/// The step of the records that have none.
struct Implied<S> {
    /// As it would be written, so that it need not be.
    json: Vec<u8>,
    step: Result<S, BoxError>,
}

impl<S: Step> Codec<S> {
    pub(crate) fn new() -> Result<Self, BoxError> {
        let step = S::default();
        Ok(Self {
            own: Implied {
                json: serde_json::to_vec(&step)?,
                step: Ok(step),
            },
            begun: OnceLock::new(),
        })
    }

    /// The default step, as it is to be kept with the records.
    pub(crate) fn default_step(&self) -> &[u8] {
        &self.own.json
    }

    /// Takes this for the step of records that have none: it was the default when the crawl began, and this program may have
    /// another. Only before the first record is written or read.
    pub(crate) fn imply(&self, json: &[u8]) {
        self.begun.get_or_init(|| Implied {
            step: step_of(json, "the default when the crawl began"),
            json: json.to_owned(),
        });
    }

    fn implied(&self) -> &Implied<S> {
        self.begun.get().unwrap_or(&self.own)
    }

    pub(crate) fn write(&self, visit: &Visit<S>) -> Result<Vec<u8>, BoxError> {
        let parts = &visit.parts;
        let url = parts.url.as_str().as_bytes();
        let step = serde_json::to_vec(&visit.step)?;
        let mut out = Vec::with_capacity(url.len() + 32);
        let mut flags = 0;
        flags |= if parts.session.is_some() { SESSION } else { 0 };
        flags |= if visit.referer.is_some() { REFERER } else { 0 };
        flags |= if step == self.implied().json { 0 } else { STEP };
        flags |= if is_plain(parts) { 0 } else { PARTS };
        flags |= if visit.again { AGAIN } else { 0 };
        flags |= if visit.climb.is_some() { CLIMB } else { 0 };
        out.push(flags);
        put_number(&mut out, visit.depth);
        put_number(&mut out, visit.failures);
        put_number(&mut out, visit.blocks);
        put_bytes(&mut out, url);
        if let Some(session) = &parts.session {
            put_bytes(&mut out, session.as_bytes());
        }
        if let Some(referer) = &visit.referer {
            let referer = referer.as_bytes();
            let common = url.iter().zip(referer).take_while(|(a, b)| a == b).count();
            put_number(&mut out, common as u32);
            put_bytes(&mut out, &referer[common..]);
        }
        if let Some(climb) = &visit.climb {
            put_bytes(&mut out, &serde_json::to_vec(climb)?);
        }
        if flags & STEP != 0 {
            put_bytes(&mut out, &step);
        }
        if flags & PARTS != 0 {
            serde_json::to_writer(&mut out, parts)?;
        }
        Ok(out)
    }

    /// # Errors
    /// It says which request it is, and what to do.
    pub(crate) fn read(&self, record: &[u8], priority: i32) -> Result<Visit<S>, BoxError> {
        self.parse(record, priority).map_err(|error| {
            let url = match url_of(record) {
                Some(url) => format!("the request of {}", redact_url(&url)),
                None => "a request".to_owned(),
            };
            format!(
                "{url} cannot be read: {error}; it stays in the frontier, and nothing is lost: go on with the program that knows it, \
                 or have this one read it, as by a variant or a `#[serde(alias)]`"
            )
            .into()
        })
    }

    fn parse(&self, record: &[u8], priority: i32) -> Result<Visit<S>, BoxError> {
        let mut input = Input(record);
        let flags = input.byte()?;
        let (depth, failures, blocks) = (input.number()?, input.number()?, input.number()?);
        let url = input.bytes()?;
        let session = (flags & SESSION != 0).then(|| input.text()).transpose()?;
        let referer = if flags & REFERER != 0 {
            let common = input.number()? as usize;
            let mut referer = url.get(..common).ok_or("a referer longer than its URL")?.to_vec();
            referer.extend_from_slice(input.bytes()?);
            Some(HeaderValue::from_bytes(&referer)?)
        } else {
            None
        };
        let climb = if flags & CLIMB != 0 {
            Some(serde_json::from_slice(input.bytes()?)?)
        } else {
            None
        };
        let step = if flags & STEP != 0 {
            step_of(input.bytes()?, "kept with it")?
        } else {
            match &self.implied().step {
                Ok(step) => step.clone(),
                Err(error) => return Err(error.to_string().into()),
            }
        };
        let parts = if flags & PARTS != 0 {
            serde_json::from_slice(input.0)?
        } else {
            let mut parts = RequestParts::new(Method::GET, Url::parse(std::str::from_utf8(url)?)?);
            parts.session = session.map(str::to_owned);
            parts
        };
        Ok(Visit {
            parts,
            step,
            priority,
            depth,
            again: flags & AGAIN != 0,
            failures,
            blocks,
            climb,
            referer,
        })
    }
}

/// Reads a step. What is wrong with one that cannot be read is said in terms of the program.
fn step_of<S: Step>(json: &[u8], which: &str) -> Result<S, BoxError> {
    serde_json::from_slice(json).map_err(|error| {
        let (shown, error) = (beginning(&String::from_utf8_lossy(json)), beginning(&error.to_string()));
        let name = std::any::type_name::<S>();
        format!("its step `{shown}`, {which}, is no `{name}` of this program: {error}").into()
    })
}

/// As much of a text as is shown.
fn beginning(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

/// The URL of a record whose rest may not be readable.
fn url_of(record: &[u8]) -> Option<Url> {
    let mut input = Input(record.get(1..)?);
    for _count in ["depth", "failures", "blocks"] {
        input.number().ok()?;
    }
    Url::parse(std::str::from_utf8(input.bytes().ok()?).ok()?).ok()
}

impl<S> Visit<S> {
    /// Puts the referer where sessions look for it, unless the spider set one itself.
    pub(crate) fn settle_referer(&mut self) {
        if let Some(referer) = self.referer.take() {
            self.parts.headers.entry(header::REFERER).or_insert(referer);
        }
    }
}

/// Whether a URL and a session say all there is.
fn is_plain(parts: &RequestParts) -> bool {
    parts.method == Method::GET
        && parts.headers.is_empty()
        && parts.body.is_empty()
        && parts.cookies.is_empty()
        && parts.timeout.is_none()
        && parts.proxy.is_none()
        && parts.identity.is_none()
        && parts.meta.is_empty()
        && parts.options.is_empty()
}

fn put_number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // No URL, name or step comes near 4 GiB.
    put_number(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, BoxError> {
        let (&byte, rest) = self.0.split_first().ok_or("it ends too soon")?;
        self.0 = rest;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u32, BoxError> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number of more than five bytes".into())
    }

    fn bytes(&mut self) -> Result<&'a [u8], BoxError> {
        let length = self.number()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or("it ends too soon")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<&'a str, BoxError> {
        Ok(std::str::from_utf8(self.bytes()?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use silkroute_core::RequestExt;

    #[test]
    fn a_visit_comes_back_whole() {
        let codec = Codec::<u8>::new().unwrap();
        let plain = Visit::get("http://shop.test/p/7")
            .unwrap()
            .session("stealth")
            .priority(3);
        let mut linked = plain.clone();
        linked.referer = Some(HeaderValue::from_static("http://shop.test/list?page=2"));
        let rich = Visit::post("http://shop.test/é?q=1")
            .unwrap()
            .json(&[1, 2])
            .unwrap()
            .header("x-one", "1")
            .unwrap()
            .meta("page", 300)
            .step(7)
            .again();
        let mut climbed = rich.clone();
        climbed.climb = Some(crate::Climb {
            from: "http".to_owned(),
            reason: crate::BlockReason::Status(403),
            remembered: true,
            retried_lower: false,
        });
        for mut visit in [plain, linked, rich, climbed] {
            visit.depth = 300;
            visit.failures = 2;
            let record = codec.write(&visit).unwrap();
            assert_eq!(codec.read(&record, visit.priority).unwrap(), visit);
            for end in 0..record.len() {
                assert!(codec.read(&record[..end], 0).is_err(), "cut at {end}");
            }
        }
    }

    #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Before {
        #[default]
        Listing,
        Product,
    }

    #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    enum After {
        #[default]
        Product,
        Listing,
    }

    #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Renamed {
        #[default]
        Shelf,
        Product,
    }

    #[test]
    fn a_record_without_a_step_has_the_default_of_the_run_that_began() {
        let before = Codec::<Before>::new().unwrap();
        let listing = Visit::<Before>::get("http://shop.test/").unwrap();
        let product = listing.clone().step(Before::Product);
        let records = [&listing, &product].map(|visit| before.write(visit).unwrap());
        let after = Codec::<After>::new().unwrap();
        after.imply(before.default_step());
        let steps = records.each_ref().map(|record| after.read(record, 0).unwrap().step);
        assert_eq!(steps, [After::Listing, After::Product]);
        // What the second run writes, both runs read as it was meant.
        for (step, same) in [(After::Listing, Before::Listing), (After::Product, Before::Product)] {
            let record = after
                .write(&Visit::get("http://shop.test/").unwrap().step(step.clone()))
                .unwrap();
            assert_eq!(after.read(&record, 0).unwrap().step, step);
            assert_eq!(before.read(&record, 0).unwrap().step, same);
        }
    }

    #[test]
    fn a_step_that_is_not_known_any_more_is_told_with_its_url_and_what_to_do() {
        let before = Codec::<Before>::new().unwrap();
        let listing = Visit::<Before>::get("http://u:secret@shop.test/list?page=2").unwrap();
        let record = before.write(&listing).unwrap();
        let renamed = Codec::<Renamed>::new().unwrap();
        renamed.imply(before.default_step());
        let told = renamed.read(&record, 0).unwrap_err().to_string();
        for part in [
            "shop.test/list?page=2",
            "`\"Listing\"`",
            "Renamed",
            "stays in the frontier",
            "serde(alias)",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("secret"), "{told}");
        let record = Codec::<String>::new().unwrap();
        let record = record
            .write(&Visit::get("http://shop.test/").unwrap().step("é".repeat(900)))
            .unwrap();
        let told = renamed.read(&record, 0).unwrap_err().to_string();
        assert!(
            told.contains("éé...`, kept with it") && told.chars().count() < 1_000,
            "{told}"
        );
    }

    #[test]
    fn a_plain_link_takes_little_more_than_its_url() {
        let codec = Codec::<()>::new().unwrap();
        let mut visit = Visit::<()>::get("http://shop.test/products/123456").unwrap();
        visit.referer = Some(HeaderValue::from_static("http://shop.test/products/?page=7"));
        let record = codec.write(&visit).unwrap();
        assert!(record.len() <= visit.url().as_str().len() + 16, "{}", record.len());
    }
}
