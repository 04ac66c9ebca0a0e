/** The policy that a new network begins with when its founder brings none. */
export const STARTER_POLICY =
  `# Who may reach what. Nothing is allowed that no rule allows; rules only allow, so their order does not matter.
# Change this file, then sign it with: ghostctl policy push acls.toml

# [groups]                       # users, and other groups
# ops = ["ann@example.com"]

# [tags]                         # machines by their work, and who may give a machine the tag
# web = ["group:ops"]
# router = ["group:ops"]
# exit = ["group:ops"]
# server = ["group:ops"]

# [hosts]                        # names for addresses and networks
# office = "10.1.1.0/24"

# Every machine of this network may reach every other one. "*" means machines of this network and nothing beyond it.
# Networks behind a machine need a rule of their own. Take this rule out when you have written narrower ones.
[[allow]]
from = ["*"]
to = ["*"]

# [[allow]]
# from = ["group:ops", "tag:web"]
# to = ["tag:web", "office"]     # tags, hosts, prefixes, users, groups, a machine's name, "self" for one's own machines
# ports = ["tcp/443", "tcp/8000-8999", "udp/53", "icmp"]      # left out: all

# [routes]                       # who may announce what without asking; exit = may be an exit node
# "10.1.1.0/24" = ["tag:router"]
# exit = ["tag:exit"]            # used by those whom a rule lets: to = ["internet"]

# [dns]                          # names for all machines
# upstreams = ["9.9.9.9"]        # asked about names beyond the network; left out: whom each machine asked before
# search = ["corp.example.com"]
# [dns.split]
# "corp.example.com" = ["10.1.1.53"]
# [dns.names]
# printer = ["10.1.1.2"]         # printer.NETWORK.ghost

# [expiry]                       # how long a machine's key counts, by way in or tag
# static = "180d"
# "tag:server" = "never"

# [[admit]]                      # ways in; with none of these, join tokens that an admin signed are the way in
# method = "static"

# [[test]]                       # checked before the policy is signed
# from = "ann@example.com"
# accept = ["tag:web tcp/443"]
# deny = ["tag:web tcp/22"]
`;
