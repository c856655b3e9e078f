//! Compressed bodies: right, broken, and far larger than they look.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};
use http::header::CONTENT_ENCODING;
use serde_json::json;

use super::Visit;
use super::reply::{JSON, Reply, ReplyExt as _, TEXT, bad_request, bytes, not_found};

const MEGABYTE: usize = 1 << 20;
const LARGEST_BOMB: u64 = 1024;
static ZEROS: [u8; MEGABYTE] = [0; MEGABYTE];

pub(super) fn compressed(name: &str) -> Reply {
    let plain = json!({ "compressed": name }).to_string();
    match pack(name, plain.as_bytes()) {
        Ok(Some(body)) => bytes(JSON, body).with_header(CONTENT_ENCODING, name.trim_end_matches("-raw")),
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &io::Error) -> Reply {
    super::reply::text(error.to_string()).with_status(http::StatusCode::INTERNAL_SERVER_ERROR)
}

fn pack(name: &str, plain: &[u8]) -> io::Result<Option<Vec<u8>>> {
    Ok(Some(match name {
        "identity" => plain.to_vec(),
        "gzip" => gzip(plain)?,
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(plain)?;
            encoder.finish()?
        }
        // What some servers mean by deflate: without the zlib wrapper.
        "deflate-raw" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(plain)?;
            encoder.finish()?
        }
        "br" => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
            encoder.write_all(plain)?;
            encoder.into_inner()
        }
        "zstd" => zstd::stream::encode_all(plain, 0)?,
        _ => return Ok(None),
    }))
}

fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}

pub(super) fn broken() -> Reply {
    match gzip(&[b'x'; 4096].map(|byte| byte)) {
        Ok(mut body) => {
            body.truncate(body.len() / 2);
            bytes(TEXT, body).with_header(CONTENT_ENCODING, "gzip")
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn bomb(visit: &Visit, name: &str) -> Reply {
    let megabytes = visit.number("mb", 10);
    if !(1..=LARGEST_BOMB).contains(&megabytes) {
        return bad_request("how many megabytes (mb)? at most 1024");
    }
    let make = match name {
        "gzip" => gzip_bomb,
        "br" => brotli_bomb,
        "zstd" => zstd_bomb,
        _ => return not_found(),
    };
    let key = format!("{name}-{megabytes}");
    let body = match visit.state.prepared(&key) {
        Some(body) => Ok(body),
        None => tokio::task::spawn_blocking(move || make(megabytes).map(Bytes::from))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error))),
    };
    match body {
        Ok(body) => {
            visit.state.prepare(key, body.clone());
            bytes(TEXT, body).with_header(CONTENT_ENCODING, name)
        }
        Err(error) => failed(&error),
    }
}

/// One megabyte is compressed, flushed so that it stands alone, and repeated.
fn gzip_bomb(megabytes: u64) -> io::Result<Vec<u8>> {
    const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    /// A last block with nothing in it.
    const LAST: [u8; 2] = [3, 0];
    let mut compress = flate2::Compress::new(Compression::best(), false);
    let mut block = Vec::with_capacity(16 * 1024);
    compress
        .compress_vec(&ZEROS, &mut block, flate2::FlushCompress::Full)
        .map_err(io::Error::other)?;
    let mut block_crc = Crc::new();
    block_crc.update(&ZEROS);
    let mut crc = Crc::new();
    let mut body = HEAD.to_vec();
    for _ in 0..megabytes {
        body.extend_from_slice(&block);
        crc.combine(&block_crc);
    }
    body.extend(LAST);
    body.extend(crc.sum().to_le_bytes());
    body.extend(crc.amount().to_le_bytes());
    Ok(body)
}

fn brotli_bomb(megabytes: u64) -> io::Result<Vec<u8>> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), MEGABYTE, 1, 22);
    for _ in 0..megabytes {
        encoder.write_all(&ZEROS)?;
    }
    Ok(encoder.into_inner())
}

fn zstd_bomb(megabytes: u64) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1)?;
    for _ in 0..megabytes {
        encoder.write_all(&ZEROS)?;
    }
    encoder.finish()
}
