//! A queue of byte strings, packed.

use std::collections::VecDeque;

use super::Order;

/// Full chunks are never moved, only freed.
const CHUNK: usize = 32 * 1024;
/// Before (or, depth first, behind) each record: its length, and its number.
const HEADER: usize = 12;

/// Records with their numbers, first in first out or last in first out. Each takes its own bytes and 12 more; a queue
/// that is used at one end only needs no more than that.
#[derive(Debug)]
pub(super) struct Records {
    order: Order,
    chunks: VecDeque<Vec<u8>>,
    /// How much of the first chunk is read.
    head: usize,
}

impl Records {
    pub(super) fn new(order: Order) -> Self {
        Self {
            order,
            chunks: VecDeque::new(),
            head: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn push(&mut self, number: u64, record: &[u8]) {
        let size = record.len() + HEADER;
        let full = self.chunks.back().is_none_or(|chunk| chunk.len() + size > CHUNK);
        if full {
            self.chunks.push_back(Vec::new());
        }
        let Some(chunk) = self.chunks.back_mut() else { return };
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&(record.len() as u32).to_le_bytes());
        header[4..].copy_from_slice(&number.to_le_bytes());
        match self.order {
            Order::BreadthFirst => {
                chunk.extend_from_slice(&header);
                chunk.extend_from_slice(record);
            }
            Order::DepthFirst => {
                chunk.extend_from_slice(record);
                chunk.extend_from_slice(&header);
            }
        }
    }

    /// The number of the next one.
    pub(super) fn peek(&self) -> Option<u64> {
        self.next_header().map(|(_, number)| number)
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let (length, _) = self.next_header()?;
        match self.order {
            Order::BreadthFirst => {
                let chunk = self.chunks.front()?;
                let start = self.head + HEADER;
                let record = chunk.get(start..start + length)?.to_vec();
                self.head = start + length;
                if self.head == chunk.len() {
                    self.chunks.pop_front();
                    self.head = 0;
                }
                Some(record)
            }
            Order::DepthFirst => {
                let chunk = self.chunks.back_mut()?;
                let start = chunk.len() - HEADER - length;
                let record = chunk[start..start + length].to_vec();
                chunk.truncate(start);
                if chunk.is_empty() {
                    self.chunks.pop_back();
                }
                Some(record)
            }
        }
    }

    fn next_header(&self) -> Option<(usize, u64)> {
        let header = match self.order {
            Order::BreadthFirst => self.chunks.front()?.get(self.head..self.head + HEADER)?,
            Order::DepthFirst => self.chunks.back()?.last_chunk::<HEADER>()?,
        };
        let (length, number) = header.split_first_chunk::<4>()?;
        let number = number.first_chunk::<8>()?;
        Some((u32::from_le_bytes(*length) as usize, u64::from_le_bytes(*number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_in_order_over_many_chunks() {
        for (order, forwards) in [(Order::BreadthFirst, true), (Order::DepthFirst, false)] {
            let mut records = Records::new(order);
            for number in 0..5_000_u64 {
                records.push(number, format!("record {number}").repeat(3).as_bytes());
            }
            records.push(5_000, &vec![7; CHUNK * 2]);
            let mut out = Vec::new();
            while let Some(number) = records.peek() {
                let record = records.pop().unwrap();
                if number < 5_000 {
                    assert_eq!(record, format!("record {number}").repeat(3).as_bytes());
                } else {
                    assert_eq!(record.len(), CHUNK * 2);
                }
                out.push(number);
            }
            assert!(records.is_empty() && records.pop().is_none());
            let expected: Vec<u64> = if forwards {
                (0..=5_000).collect()
            } else {
                (0..=5_000).rev().collect()
            };
            assert_eq!(out, expected);
        }
    }
}
