//! Installing packages, or saying which.

use super::Need;
use crate::command::Cmd;

/// The program and its package, of Debian's.
pub(crate) const HEADLESS_SHELL: &str = "chromium-headless-shell";

/// How packages can be installed here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rights {
    Root,
    /// `sudo` without a password: nobody may be there to type one.
    Sudo,
}

/// Whether apt-get can install packages on this machine, and how.
pub(crate) fn rights() -> Option<Rights> {
    Cmd::new("apt-get").arg("--version").ask()?;
    let system = std::fs::read_to_string("/etc/os-release").ok()?;
    if !is_debian(&system) {
        return None;
    }
    if Cmd::new("id").arg("-u").ask()?.trim() == "0" {
        return Some(Rights::Root);
    }
    Cmd::new("sudo").words("-n true").ask().map(|_| Rights::Sudo)
}

/// Debian, or what calls itself like it.
fn is_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| matches!(*key, "ID" | "ID_LIKE"))
        .flat_map(|(_, value)| value.trim_matches(['"', '\'']).split_whitespace())
        .any(|id| matches!(id, "debian" | "ubuntu"))
}

/// Brings apt's lists up to date: a fresh container has none.
pub(crate) fn update(rights: Rights) -> Cmd {
    apt(rights).words("update --quiet")
}

/// Installs what these needs take.
pub(crate) fn install(rights: Rights, needs: &[Need]) -> Cmd {
    let packages = needs.iter().map(|need| apt_package(*need));
    packages.fold(
        apt(rights).words("install --quiet --yes --no-install-recommends"),
        Cmd::arg,
    )
}

/// Whether apt's lists have this package.
pub(crate) fn has_package(package: &str) -> bool {
    let told = Cmd::new("apt-cache").arg("show").arg(package).ask();
    told.is_some_and(|told| !told.trim().is_empty())
}

/// Installs the headless shell.
pub(crate) fn headless_shell(rights: Rights) -> Cmd {
    apt(rights)
        .words("install --quiet --yes --no-install-recommends")
        .arg(HEADLESS_SHELL)
}

fn apt(rights: Rights) -> Cmd {
    match rights {
        Rights::Root => Cmd::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive"),
        Rights::Sudo => Cmd::new("sudo").words("-n env DEBIAN_FRONTEND=noninteractive apt-get"),
    }
}

fn apt_package(need: Need) -> &'static str {
    match need {
        Need::Compiler => "build-essential",
        Need::Cmake => "cmake",
        Need::Git => "git",
        Need::Libclang => "libclang-dev",
        Need::Browser => "chromium",
        Need::Display => "xvfb",
        Need::Npm => "npm",
    }
}

/// What to type where nothing can be installed from here.
pub(crate) fn by_hand(missing: &[Need]) -> String {
    let list = |package: fn(Need) -> &'static str| {
        let packages: Vec<_> = missing.iter().map(|need| package(*need)).collect();
        packages.join(" ")
    };
    let names: Vec<_> = missing.iter().map(|need| need.name()).collect();
    let apt = list(apt_package);
    let dnf = list(|need| match need {
        Need::Compiler => "gcc gcc-c++ make",
        Need::Cmake => "cmake",
        Need::Git => "git",
        Need::Libclang => "clang-devel",
        Need::Browser => "chromium",
        Need::Display => "xorg-x11-server-Xvfb",
        Need::Npm => "nodejs-npm",
    });
    let pacman = list(|need| match need {
        Need::Compiler => "base-devel",
        Need::Cmake => "cmake",
        Need::Git => "git",
        Need::Libclang => "clang",
        Need::Browser => "chromium",
        Need::Display => "xorg-server-xvfb",
        Need::Npm => "npm",
    });
    let brew = list(|need| match need {
        Need::Compiler => "make",
        Need::Cmake => "cmake",
        Need::Git => "git",
        Need::Libclang => "llvm",
        Need::Browser => "--cask chromium",
        Need::Display => "xquartz",
        Need::Npm => "node",
    });
    let mut text = format!(
        "error: this needs {}, and it cannot be installed from here. Install it, then run this again:\n\
         \n  Debian, Ubuntu   sudo apt-get update && sudo apt-get install {apt}\
         \n  Fedora, RHEL     sudo dnf install {dnf}\
         \n  Arch             sudo pacman -S --needed {pacman}\
         \n  macOS            xcode-select --install; brew install {brew}",
        names.join(" and ")
    );
    if missing.contains(&Need::Libclang) {
        text.push_str("\n\nWhere libclang is in an unusual place, set LIBCLANG_PATH to the folder that it is in.");
    }
    if missing.contains(&Need::Cmake) {
        text.push_str("\n\nWhere the package's cmake is older than that, take one from https://cmake.org/download/.");
    }
    if missing.contains(&Need::Browser) {
        text.push_str(
            "\n\nUbuntu has Chromium as a snap, which cannot use our profile folders: take Google Chrome from \
             https://www.google.com/chrome/ there. Where the browser is in an unusual place, set CHROME to its program.",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_known_by_its_name_or_its_kin() {
        assert!(is_debian("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"));
        assert!(is_debian("ID=pop\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("ID=fedora\nHOME_URL=\"https://debian.example\"\n"));
    }

    #[test]
    fn only_what_is_missing_is_installed() {
        let needs = [Need::Cmake, Need::Libclang];
        assert_eq!(
            install(Rights::Root, &needs).to_string(),
            "DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends cmake libclang-dev"
        );
        assert_eq!(
            update(Rights::Sudo).to_string(),
            "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update --quiet"
        );
    }

    #[test]
    fn a_package_that_does_not_exist_is_not_tried() {
        assert!(!has_package("no-such-package-of-anybody"));
    }

    #[test]
    fn elsewhere_it_says_what_to_type() {
        let told = by_hand(&[Need::Compiler, Need::Libclang]);
        for line in [
            "apt-get install build-essential libclang-dev",
            "dnf install gcc gcc-c++ make clang-devel",
            "pacman -S --needed base-devel clang",
            "brew install make llvm",
            "LIBCLANG_PATH",
        ] {
            assert!(told.contains(line), "{line:?} is not in\n{told}");
        }
        assert!(!told.contains("cmake"), "{told}");
        let told = by_hand(&[Need::Browser, Need::Display]);
        assert!(
            told.contains("apt-get install chromium xvfb") && told.contains("set CHROME"),
            "{told}"
        );
    }
}
