//! The exact lines a person types next, for each operating system.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What is being served, as far as a client needs to know.
#[derive(Clone, Debug)]
pub struct MountFacts<'a> {
    /// Name of the volume, if it has one; becomes the name of the mount point.
    pub name: Option<&'a str>,
    /// Where NFS is served, if it is.
    pub nfs: Option<SocketAddr>,
    /// Where WebDAV is served, if it is.
    pub webdav: Option<SocketAddr>,
}

impl MountFacts<'_> {
    /// The command that mounts the volume on Linux, if NFS is served.
    #[must_use]
    pub fn linux(&self) -> Option<String> {
        let addr = self.nfs?;
        let (host, port, name) = (host_text(addr), addr.port(), self.mount_name());
        let tcp = if addr.is_ipv6() { "proto=tcp6" } else { "tcp" };
        Some(format!(
            "sudo mkdir -p /mnt/{name} && sudo mount -t nfs \
             -o vers=3,{tcp},nolock,hard,port={port},mountport={port} {host}:/ /mnt/{name}"
        ))
    }

    /// The command that mounts the volume on macOS, if NFS is served.
    #[must_use]
    pub fn macos(&self) -> Option<String> {
        let addr = self.nfs?;
        let (host, port, name) = (host_text(addr), addr.port(), self.mount_name());
        Some(format!(
            "mkdir -p ~/{name} && sudo mount_nfs \
             -o vers=3,tcp,port={port},mountport={port},nolocks,locallocks,rsize=1048576,\
             wsize=1048576,readahead=16,nfc,rdirplus {host}:/ ~/{name}"
        ))
    }

    /// The command that maps the volume to a drive on Windows, if WebDAV is served.
    #[must_use]
    pub fn windows(&self) -> Option<String> {
        self.webdav_url().map(|url| format!("net use * {url}"))
    }

    /// The address for any WebDAV client, if WebDAV is served.
    #[must_use]
    pub fn webdav_url(&self) -> Option<String> {
        let addr = self.webdav?;
        Some(format!("http://{}:{}/", host_text(addr), addr.port()))
    }

    /// All of it, for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |text: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{text}");
        };
        if let (Some(linux), Some(macos)) = (self.linux(), self.macos()) {
            line("\nLinux:");
            line(&format!("  {linux}"));
            line("macOS:");
            line(&format!("  {macos}"));
        }
        if let (Some(windows), Some(url)) = (self.windows(), self.webdav_url()) {
            line("Windows (WebDAV; the WebClient service must run):");
            line(&format!("  {windows}"));
            line("Any WebDAV client:");
            line(&format!("  {url}"));
        }
        if self.nfs.is_some() {
            line(
                "The NFS client of Windows asks the port mapper on port 111 and takes no port \
                 option, so use WebDAV there.",
            );
        }
        out
    }

    fn mount_name(&self) -> &str {
        self.name.unwrap_or("sealgate")
    }
}

/// A host that a client on this machine can type. An unspecified address means every interface;
/// loopback is the one that surely works from here.
fn host_text(addr: SocketAddr) -> String {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(nfs: Option<&str>, webdav: Option<&str>) -> MountFacts<'static> {
        let addr = |text: &str| text.parse().unwrap();
        MountFacts { name: Some("photos"), nfs: nfs.map(addr), webdav: webdav.map(addr) }
    }

    #[test]
    fn the_linux_line_names_both_ports_and_takes_no_locks() {
        let line = facts(Some("127.0.0.1:2049"), None).linux().unwrap();
        let mount = "sudo mount -t nfs -o vers=3,tcp,nolock,hard,port=2049,mountport=2049 \
                     127.0.0.1:/ /mnt/photos";
        assert!(line.ends_with(mount), "{line}");
        let line = facts(Some("[::1]:7"), None).linux().unwrap();
        assert!(line.contains("proto=tcp6") && line.contains(" [::1]:/ "), "{line}");
    }

    #[test]
    fn an_unspecified_address_is_shown_as_loopback() {
        let facts = facts(Some("0.0.0.0:2049"), Some("[::]:80"));
        assert!(facts.linux().unwrap().contains(" 127.0.0.1:/ "));
        assert_eq!(facts.webdav_url().unwrap(), "http://[::1]:80/");
    }

    #[test]
    fn nothing_is_advised_for_what_is_switched_off() {
        let webdav = facts(None, Some("127.0.0.1:8049")).text();
        assert!(webdav.contains("net use * http://127.0.0.1:8049/"), "{webdav}");
        assert!(!webdav.contains("mount"), "{webdav}");
        let nfs = facts(Some("127.0.0.1:2049"), None).text();
        assert!(nfs.contains("mount_nfs") && !nfs.contains("net use"), "{nfs}");
        assert_eq!(facts(None, None).text(), "");
    }
}
