//! Hosts that can be cut off: network namespaces with addresses of their own, on one bridge.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use signalpost::BoxError;

/// A bridge of this machine, and the hosts on it. Needs root and iproute2; is gone when it is dropped.
pub struct Network {
    name: String,
    part: u8,
    hosts: Vec<Host>,
}

/// A namespace with one link, to the bridge.
#[derive(Debug, Clone)]
pub struct Host {
    namespace: String,
    link: String,
}

impl Network {
    /// A bridge with so many hosts, in a part of the range that is set aside for tests of networks, 198.18.0.0/15.
    ///
    /// # Errors
    ///
    /// When this is not root, or iproute2 or the kernel's bridge is missing.
    pub fn new(hosts: u8) -> Result<Self, BoxError> {
        let name: String = (0..6).map(|_| fastrand::lowercase()).collect();
        let part = loop {
            let part = fastrand::u8(..);
            if ip(&format!("-oneline -4 address show to 198.18.{part}.0/24"))?.is_empty() {
                break part;
            }
        };
        let mut network = Self { name, part, hosts: Vec::new() };
        let bridge = network.bridge();
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("address add {}/24 dev {bridge}", network.address()))?;
        ip(&format!("link set {bridge} up"))?;
        for number in 0..hosts {
            network.add(number)?;
        }
        Ok(network)
    }

    fn add(&mut self, number: u8) -> Result<(), BoxError> {
        let (namespace, link) = (format!("faults-{}-{number}", self.name), format!("f-{}-{number}", self.name));
        ip(&format!("netns add {namespace}"))?;
        self.hosts.push(Host { namespace: namespace.clone(), link: link.clone() });
        ip(&format!("link add {link} type veth peer name eth0 netns {namespace}"))?;
        ip(&format!("link set {link} master {} up", self.bridge()))?;
        let address = Ipv4Addr::new(198, 18, self.part, number + 2);
        ip(&format!("-netns {namespace} address add {address}/24 dev eth0"))?;
        ip(&format!("-netns {namespace} link set eth0 up"))?;
        Ok(())
    }

    fn bridge(&self) -> String {
        format!("faults-{}", self.name)
    }

    /// This machine, as the hosts see it.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.part, 1)
    }

    /// The network with its mask, as PostgreSQL's `pg_hba.conf` wants it.
    pub fn range(&self) -> String {
        format!("198.18.{}.0/24", self.part)
    }

    /// The hosts on the bridge.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for Host { namespace, link } in &self.hosts {
            let _ = ip(&format!("link delete {link}"));
            let _ = ip(&format!("netns delete {namespace}"));
        }
        let _ = ip(&format!("link delete {}", self.bridge()));
    }
}

impl Host {
    /// What runs the program there.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Takes the link away: nothing comes through, and nobody is told.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn cut_off(&self) -> Result<(), BoxError> {
        ip(&format!("link set {} down", self.link)).map(drop)
    }

    /// Gives it its link again.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn connect(&self) -> Result<(), BoxError> {
        ip(&format!("link set {} up", self.link)).map(drop)
    }
}

fn ip(arguments: &str) -> Result<String, BoxError> {
    let said = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    if !said.status.success() {
        return Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&said.stderr).trim()).into());
    }
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}
