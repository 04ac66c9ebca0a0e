module ghostmesh/bench/tailscale_control

go 1.25.3

require tailscale.com v1.90.9
