//! Visits as the frontier holds them: a few bytes more than their URL.
//!
//! A plain link takes its URL, and of its referer only where that differs from it: links and the pages they stand on
//! mostly share their beginning. What is out of the ordinary (headers, a body, options, meta) follows as JSON.

use std::marker::PhantomData;

use http::{HeaderValue, Method, header};
use silkroute_core::RequestParts;
use url::Url;

use crate::visit::Step;
use crate::{BoxError, Visit};

const SESSION: u8 = 1;
const REFERER: u8 = 2;
const STEP: u8 = 4;
const PARTS: u8 = 8;
const AGAIN: u8 = 16;
const CLIMB: u8 = 32;

/// Writes and reads the visits of one spider.
pub(crate) struct Codec<S> {
    /// The default step as it would be written, so that it need not be.
    default_step: Vec<u8>,
    _step: PhantomData<fn() -> S>,
}

impl<S: Step> Codec<S> {
    pub(crate) fn new() -> Result<Self, BoxError> {
        Ok(Self {
            default_step: serde_json::to_vec(&S::default())?,
            _step: PhantomData,
        })
    }

    pub(crate) fn write(&self, visit: &Visit<S>) -> Result<Vec<u8>, BoxError> {
        let parts = &visit.parts;
        let url = parts.url.as_str().as_bytes();
        let step = serde_json::to_vec(&visit.step)?;
        let mut out = Vec::with_capacity(url.len() + 32);
        let mut flags = 0;
        flags |= if parts.session.is_some() { SESSION } else { 0 };
        flags |= if visit.referer.is_some() { REFERER } else { 0 };
        flags |= if step == self.default_step { 0 } else { STEP };
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

    pub(crate) fn read(&self, record: &[u8], priority: i32) -> Result<Visit<S>, BoxError> {
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
            serde_json::from_slice(input.bytes()?)?
        } else {
            S::default()
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

    #[test]
    fn a_plain_link_takes_little_more_than_its_url() {
        let codec = Codec::<()>::new().unwrap();
        let mut visit = Visit::<()>::get("http://shop.test/products/123456").unwrap();
        visit.referer = Some(HeaderValue::from_static("http://shop.test/products/?page=7"));
        let record = codec.write(&visit).unwrap();
        assert!(record.len() <= visit.url().as_str().len() + 16, "{}", record.len());
    }
}
