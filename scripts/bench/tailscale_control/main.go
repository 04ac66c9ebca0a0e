// Command tailscale_control is a tailnet's control plane for a bench: Tailscale's own one for its tests, over plain HTTP,
// in memory, with one DERP region. Every machine that asks is let in, and may use every other one as a peer relay.
//
//	tailscale_control LISTEN DERP
//
// LISTEN (such as 203.0.113.40:8080) is also where the machines find it; DERP is the address of a stock derper (TLS on
// 443, STUN on 3478), whose certificate nobody checks.
package main

import (
	"log"
	"net/http"
	"os"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: tailscale_control LISTEN DERP")
	}
	listen, derp := os.Args[1], os.Args[2]
	region := &tailcfg.DERPRegion{RegionID: 1, RegionCode: "bench", RegionName: "bench", Nodes: []*tailcfg.DERPNode{{
		Name: "1a", RegionID: 1, HostName: derp, IPv4: derp, IPv6: "none",
		DERPPort: 443, STUNPort: 3478, InsecureForTests: true,
	}}}
	log.Fatal(http.ListenAndServe(listen, &testcontrol.Server{
		ExplicitBaseURL:  "http://" + listen,
		AllNodesSameUser: true,
		PeerRelayGrants:  true,
		DERPMap:          &tailcfg.DERPMap{Regions: map[int]*tailcfg.DERPRegion{1: region}},
	}))
}
