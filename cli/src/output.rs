//! Writing to standard output.

use std::io::{self, Write};

use crate::failure::{Failure, with_causes};

/// Writes to standard output. A reader that has seen enough and left (`| head`) is no error.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Failed(format!(
            "writing to standard output: {}",
            with_causes(&error)
        ))),
        _ => Ok(()),
    }
}

/// Writes a value as JSON, with a line break at its end.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| Failure::Failed(format!("writing the result as JSON: {}", with_causes(&error))))?;
    text.push(b'\n');
    print(&text)
}
