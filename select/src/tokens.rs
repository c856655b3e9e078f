//! What the tokenizer reports, made into the tokens that the tree builder takes.
//!
//! The tokenizer is html5gum's: html5ever's own takes twice the time, as it builds every name and value byte by byte.

use std::borrow::Cow;
use std::collections::HashSet;
use std::convert::Infallible;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::{RawKind, Rawtext, Rcdata};
use html5ever::tokenizer::{Doctype, Tag, TagKind, Token, TokenSink, TokenSinkResult};
use html5ever::{Attribute, LocalName, QualName, ns};
use html5gum::{Emitter, Error, State};

use crate::nesting::Nesting;

/// How much text is held before it goes on into the tree.
const HELD_TEXT: usize = 64 * 1024;

/// From how many attributes on duplicates are looked up instead of searched for.
const MANY_ATTRIBUTES: usize = 16;

pub(crate) struct Tokens<'a> {
    sink: &'a Nesting,
    text: Vec<u8>,
    name: Vec<u8>,
    is_end: bool,
    self_closing: bool,
    last_start: Vec<u8>,
    attributes: Vec<Attribute>,
    seen: HashSet<LocalName>,
    attribute_name: Vec<u8>,
    attribute_value: Vec<u8>,
    doctype_name: Vec<u8>,
    public_id: Option<Vec<u8>>,
    system_id: Option<Vec<u8>>,
    force_quirks: bool,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(sink: &'a Nesting) -> Self {
        Self {
            sink,
            text: Vec::new(),
            name: Vec::new(),
            is_end: false,
            self_closing: false,
            last_start: Vec::new(),
            attributes: Vec::new(),
            seen: HashSet::new(),
            attribute_name: Vec::new(),
            attribute_value: Vec::new(),
            doctype_name: Vec::new(),
            public_id: None,
            system_id: None,
            force_quirks: false,
        }
    }

    /// Hands a token on. The answer is the state in which the tokenizer must read what follows.
    fn send(&self, token: Token) -> Option<State> {
        match self.sink.process_token(token, 1) {
            TokenSinkResult::Continue | TokenSinkResult::Script(_) | TokenSinkResult::EncodingIndicator(_) => None,
            TokenSinkResult::Plaintext => Some(State::PlainText),
            TokenSinkResult::RawData(Rcdata) => Some(State::RcData),
            TokenSinkResult::RawData(Rawtext) => Some(State::RawText),
            TokenSinkResult::RawData(RawKind::ScriptData | RawKind::ScriptDataEscaped(_)) => Some(State::ScriptData),
        }
    }

    fn flush_text(&mut self) {
        if self.text.is_empty() {
            return;
        }
        // The page is valid UTF-8, so only a character that is not yet complete can be missing at the end.
        let complete = match std::str::from_utf8(&self.text) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        for (at, run) in self.text[..complete].split(|&byte| byte == 0).enumerate() {
            if at > 0 {
                let _state = self.send(Token::NullCharacterToken);
            }
            if !run.is_empty() {
                let _state = self.send(Token::CharacterTokens(tendril(run)));
            }
        }
        self.text.drain(..complete);
    }

    fn flush_attribute(&mut self) {
        if self.attribute_name.is_empty() {
            return;
        }
        // On an end tag they mean nothing.
        if !self.is_end {
            let name = local_name(&self.attribute_name);
            if self.is_new(&name) {
                self.attributes.push(Attribute {
                    name: QualName::new(None, ns!(), name),
                    value: tendril(&self.attribute_value),
                });
            }
        }
        self.attribute_name.clear();
        self.attribute_value.clear();
    }

    /// Whether the tag has no attribute of this name yet: of two, the first counts.
    fn is_new(&mut self, name: &LocalName) -> bool {
        if self.attributes.len() < MANY_ATTRIBUTES {
            return self.attributes.iter().all(|known| known.name.local != *name);
        }
        if self.seen.is_empty() {
            self.seen
                .extend(self.attributes.iter().map(|known| known.name.local.clone()));
        }
        self.seen.insert(name.clone())
    }
}

impl Emitter for Tokens<'_> {
    type Token = Infallible;

    fn set_last_start_tag(&mut self, name: Option<&[u8]>) {
        self.last_start = name.unwrap_or_default().to_vec();
    }

    fn emit_eof(&mut self) {
        self.flush_text();
        let _state = self.send(Token::EOFToken);
        self.sink.end();
    }

    fn emit_error(&mut self, _: Error) {}

    #[inline]
    fn should_emit_errors(&mut self) -> bool {
        false
    }

    #[inline]
    fn pop_token(&mut self) -> Option<Infallible> {
        None
    }

    #[inline]
    fn emit_string(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        if self.text.len() >= HELD_TEXT {
            self.flush_text();
        }
    }

    fn init_start_tag(&mut self) {
        self.name.clear();
        self.is_end = false;
        self.self_closing = false;
    }

    fn init_end_tag(&mut self) {
        self.name.clear();
        self.is_end = true;
        self.self_closing = false;
    }

    fn init_comment(&mut self) {}

    fn emit_current_tag(&mut self) -> Option<State> {
        self.flush_attribute();
        self.flush_text();
        self.seen.clear();
        if !self.is_end {
            self.last_start.clone_from(&self.name);
        }
        let attrs = std::mem::take(&mut self.attributes);
        self.send(Token::TagToken(Tag {
            kind: if self.is_end {
                TagKind::EndTag
            } else {
                TagKind::StartTag
            },
            name: local_name(&self.name),
            self_closing: self.self_closing,
            attrs,
            had_duplicate_attributes: false,
        }))
    }

    fn emit_current_comment(&mut self) {
        // The tree does not keep it, but text in a table is judged in the runs that comments leave.
        self.flush_text();
        let _state = self.send(Token::CommentToken(StrTendril::new()));
    }

    fn emit_current_doctype(&mut self) {
        self.flush_text();
        let doctype = Doctype {
            name: (!self.doctype_name.is_empty()).then(|| tendril(&self.doctype_name)),
            public_id: self.public_id.as_deref().map(tendril),
            system_id: self.system_id.as_deref().map(tendril),
            force_quirks: self.force_quirks,
        };
        let _state = self.send(Token::DoctypeToken(doctype));
    }

    fn set_self_closing(&mut self) {
        self.self_closing = !self.is_end;
    }

    fn set_force_quirks(&mut self) {
        self.force_quirks = true;
    }

    #[inline]
    fn push_tag_name(&mut self, part: &[u8]) {
        self.name.extend_from_slice(part);
    }

    fn push_comment(&mut self, _: &[u8]) {}

    fn push_doctype_name(&mut self, part: &[u8]) {
        self.doctype_name.extend_from_slice(part);
    }

    fn init_doctype(&mut self) {
        self.doctype_name.clear();
        self.public_id = None;
        self.system_id = None;
        self.force_quirks = false;
    }

    fn init_attribute(&mut self) {
        self.flush_attribute();
    }

    #[inline]
    fn push_attribute_name(&mut self, part: &[u8]) {
        self.attribute_name.extend_from_slice(part);
    }

    #[inline]
    fn push_attribute_value(&mut self, part: &[u8]) {
        self.attribute_value.extend_from_slice(part);
    }

    fn set_doctype_public_identifier(&mut self, value: &[u8]) {
        self.public_id = Some(value.to_vec());
    }

    fn set_doctype_system_identifier(&mut self, value: &[u8]) {
        self.system_id = Some(value.to_vec());
    }

    fn push_doctype_public_identifier(&mut self, part: &[u8]) {
        self.public_id.get_or_insert_default().extend_from_slice(part);
    }

    fn push_doctype_system_identifier(&mut self, part: &[u8]) {
        self.system_id.get_or_insert_default().extend_from_slice(part);
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.is_end && !self.last_start.is_empty() && self.last_start == self.name
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.sink.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn tendril(bytes: &[u8]) -> StrTendril {
    StrTendril::from_slice(&text(bytes))
}

fn local_name(bytes: &[u8]) -> LocalName {
    LocalName::from(text(bytes))
}
