//! Finding libclang where bindgen will: <https://docs.rs/clang-sys/latest/clang_sys/#environment-variables>.

use std::path::{Path, PathBuf};

use crate::command::Cmd;

/// Folders that may hold it. A `*` in a name stands for anything.
const USUAL: &[&str] = &[
    "/usr/lib/llvm-*/lib",
    "/usr/lib64/llvm*/lib",
    "/usr/lib64/llvm*/lib64",
    "/usr/lib*",
    "/usr/lib*/*-linux-gnu*",
    "/usr/local/lib*",
    "/usr/local/llvm*/lib",
    "/opt/homebrew/opt/llvm/lib",
    "/usr/local/opt/llvm/lib",
    "/Library/Developer/CommandLineTools/usr/lib",
    "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
];

/// The library, where it is and can be used.
pub(crate) fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("LIBCLANG_PATH") {
        // Where it is set, bindgen looks there first: a folder, or the file itself.
        let named = PathBuf::from(named);
        let found = if named.is_file() {
            Some(named)
        } else {
            in_folder(&named)
        };
        if found.is_some() {
            return found;
        }
    }
    let told = Cmd::new("llvm-config").arg("--libdir").ask();
    let configured = told.map(|text| PathBuf::from(text.trim()));
    let usual = USUAL.iter().flat_map(|pattern| folders(pattern));
    configured
        .into_iter()
        .chain(usual)
        .filter_map(|folder| in_folder(&folder))
        .find(|library| has_headers(library))
        .or_else(|| in_cache(&Cmd::new("ldconfig").arg("-p").ask()?).filter(|library| has_headers(library)))
}

/// The library in a folder.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_libclang))
        // A link may lead nowhere.
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.into_iter().next()
}

/// `libclang.so`, `libclang.so.1`, `libclang-14.so.1`, `libclang.dylib`; not `libclang-cpp.so` or `libclangAST.a`.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else {
        return matches!(name, "clang.dll");
    };
    let rest = match rest.strip_prefix('-') {
        Some(versioned) => {
            versioned.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.')
        }
        None => rest.strip_prefix('.').unwrap_or(""),
    };
    // The version's own dot may have been taken away with it.
    let rest = rest.trim_start_matches('.');
    rest == "so" || rest.starts_with("so.") || matches!(rest, "dylib" | "dll")
}

/// The library in what `ldconfig -p` lists: `libclang.so.1 (libc6,x86-64) => /usr/lib/libclang.so.1`.
fn in_cache(listed: &str) -> Option<PathBuf> {
    listed
        .lines()
        .filter_map(|line| line.split_once(" => "))
        .find(|(name, _)| name.split_whitespace().next().is_some_and(is_libclang))
        .map(|(_, path)| PathBuf::from(path.trim()))
}

/// Whether clang's own headers are there too. Debian has them in a package of their own (`libclang-common-*-dev`), and
/// without them bindgen does not find `stddef.h`. Elsewhere nobody is asked.
fn has_headers(library: &Path) -> bool {
    let library = library.canonicalize().unwrap_or_else(|_| library.to_owned());
    let Some(folder) = library.parent() else {
        return true;
    };
    let is_debians = folder
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("llvm-"));
    let headers = folder.join("clang/*/include");
    !is_debians
        || folders(&headers.to_string_lossy())
            .iter()
            .any(|headers| headers.join("stddef.h").exists())
}

/// The folders that a pattern stands for, the last in order first: newer versions have higher numbers.
fn folders(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found.iter().flat_map(|folder| within(folder, part)).collect();
    }
    found
}

fn within(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains('*') {
        let inner = folder.join(part);
        return if inner.is_dir() { vec![inner] } else { Vec::new() };
    }
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut inner: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| fits(name, part))
        })
        .filter(|path| path.is_dir())
        .collect();
    inner.sort();
    inner.reverse();
    inner
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return name == pattern;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    (0..=name.len())
        .filter(|at| name.is_char_boundary(*at))
        .any(|at| fits(&name[at..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_told_from_its_relatives() {
        for name in [
            "libclang.so",
            "libclang.so.1",
            "libclang-14.so.1",
            "libclang-14.so",
            "libclang-14.0.6.so",
            "libclang.dylib",
        ] {
            assert!(is_libclang(name), "{name}");
        }
        for name in [
            "libclang-cpp.so.14",
            "libclang-cpp.so",
            "libclangAST.a",
            "libclang.a",
            "libclang",
            "libLLVM.so",
        ] {
            assert!(!is_libclang(name), "{name}");
        }
    }

    #[test]
    fn the_linkers_cache_is_read() {
        let listed = "3 libs found in cache\n\tlibclang-cpp.so.14 (libc6,x86-64) => /usr/lib/a/libclang-cpp.so.14\n\
                      \tlibclang-14.so.1 (libc6,x86-64) => /usr/lib/a/libclang-14.so.1\n";
        assert_eq!(in_cache(listed), Some(PathBuf::from("/usr/lib/a/libclang-14.so.1")));
        assert_eq!(in_cache("0 libs found in cache\n"), None);
    }

    #[test]
    fn patterns_fit_names() {
        assert!(fits("llvm-14", "llvm-*") && fits("lib", "lib*") && fits("x86_64-linux-gnu", "*-linux-gnu*"));
        assert!(!fits("llvm", "llvm-*") && !fits("libs", "lib"));
    }

    #[test]
    fn debians_library_needs_its_headers() {
        let machine = std::env::temp_dir().join(format!("xtask-libclang-{}", std::process::id()));
        let library = machine.join("llvm-99/lib");
        let headers = library.join("clang/99/include");
        std::fs::create_dir_all(&headers).unwrap();
        std::fs::write(library.join("libclang.so.1"), "").unwrap();
        let found = in_folder(&library).unwrap();
        assert!(!has_headers(&found));
        std::fs::write(headers.join("stddef.h"), "").unwrap();
        assert!(has_headers(&found));
        std::fs::remove_dir_all(&machine).unwrap();
    }
}
