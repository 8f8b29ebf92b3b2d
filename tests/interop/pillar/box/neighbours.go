package main

import (
	"net"
	"os"
	"time"

	"github.com/lf-edge/eve-api/go/info"
	"github.com/lf-edge/eve/pkg/pillar/base"
	"github.com/lf-edge/eve/pkg/pillar/pubsub"
	"github.com/lf-edge/eve/pkg/pillar/types"
)

// neighbours stand in for the agents that need hardware.
type neighbours struct {
	bus *pubsub.PubSub
	log *base.LogObject
	// followings begin when those they follow are there: who asks EVE's bus too early asks again in ten seconds.
	followings []func()
}

// keyOf is the name of an item on EVE's bus; some types have it on the pointer only.
func keyOf[T any](item T) string { return any(&item).(interface{ Key() string }).Key() }

// publisher is a topic that one of the neighbours owns.
func (n *neighbours) publisher(agent string, topic any) pubsub.Publication {
	publication, err := n.bus.NewPublication(pubsub.PublicationOptions{AgentName: agent, TopicType: topic})
	if err != nil {
		n.log.Fatal(err)
	}
	return publication
}

func (n *neighbours) publish(publication pubsub.Publication, key string, item any) {
	if err := publication.Publish(key, item); err != nil {
		n.log.Fatal(err)
	}
}

// follow calls on every change of a topic; `gone` may be nil.
func follow[T any](n *neighbours, agent string, persistent bool, changed, gone func(T)) pubsub.Subscription {
	var topic T
	subscription, err := n.bus.NewSubscription(pubsub.SubscriptionOptions{
		AgentName:     agent,
		MyAgentName:   "neighbours",
		TopicImpl:     topic,
		Persistent:    persistent,
		CreateHandler: func(_ any, _ string, item any) { changed(item.(T)) },
		ModifyHandler: func(_ any, _ string, item any, _ any) { changed(item.(T)) },
		DeleteHandler: func(_ any, _ string, item any) {
			if gone != nil {
				gone(item.(T))
			}
		},
		WarningTime: time.Minute,
		ErrorTime:   time.Minute,
	})
	if err != nil {
		n.log.Fatal(err)
	}
	if err := subscription.Activate(); err != nil {
		n.log.Fatal(err)
	}
	go func() {
		for change := range subscription.MsgChan() {
			subscription.ProcessChange(change)
		}
	}()
	return subscription
}

// answer publishes, in `answerer`'s name, a status for every wish of `asker`.
func answer[W, S any](n *neighbours, asker, answerer string, status func(W) S) {
	var topic S
	publication := n.publisher(answerer, topic)
	changed := func(wish W) {
		made := status(wish)
		n.publish(publication, keyOf(made), made)
	}
	gone := func(wish W) {
		if err := publication.Unpublish(keyOf(status(wish))); err != nil {
			n.log.Error(err)
		}
	}
	n.later(func() { follow(n, asker, false, changed, gone) })
	if err := publication.SignalRestarted(); err != nil {
		n.log.Fatal(err)
	}
}

func (n *neighbours) later(begin func()) { n.followings = append(n.followings, begin) }

// begin follows everybody.
func (n *neighbours) begin() {
	for _, following := range n.followings {
		following()
	}
}

// beforeOnboarding is the network, which `client` waits for.
func (n *neighbours) beforeOnboarding() {
	address := net.IPv4(127, 0, 0, 1)
	port := types.NetworkPortStatus{
		IfName: "lo", Phylabel: "eth0", Logicallabel: "eth0", SharedLabels: []string{"all", "uplink", "freeuplink"},
		IsMgmt: true, IsL3Port: true, Up: true, Dhcp: types.DhcpTypeClient, Type: types.NetworkTypeIPv4,
		DNSServers:   []net.IP{address},
		AddrInfoList: []types.AddrInfo{{Addr: address}},
		MacAddr:      net.HardwareAddr{2, 0, 0, 0, 0, 1},
		TestResults:  types.TestResults{LastSucceeded: time.Now()},
	}
	n.publish(n.publisher("nim", types.DeviceNetworkStatus{}), "global", types.DeviceNetworkStatus{
		DPCKey: "zedagent", Version: types.DPCIsMgmt, State: types.DPCStateSuccess,
		Ports: []types.NetworkPortStatus{port},
	})
	n.publish(n.publisher("nim", types.DevicePortConfigList{}), "global", types.DevicePortConfigList{})
}

// afterOnboarding is everything that zedagent and zedmanager listen to.
func (n *neighbours) afterOnboarding() {
	n.system()
	n.vault()
	n.apps()
	n.later(n.secrets)
}

// system is nodeagent and baseosmgr: why the box started, what it runs, and when it is to start anew.
func (n *neighbours) system() {
	booted := types.BootReasonFirst
	if reason, err := os.ReadFile("/persist/boot-reason-of-the-box"); err == nil && len(reason) > 0 {
		booted = types.BootReasonRebootCmd
	}
	status := types.NodeAgentStatus{
		Name: "nodeagent", CurPart: "IMGA", BootReason: booted, RebootReason: booted.String(), RebootTime: time.Now(),
	}
	nodeagent := n.publisher("nodeagent", types.NodeAgentStatus{})
	n.publish(nodeagent, status.Key(), status)

	partitions := n.publisher("baseosmgr", types.ZbootStatus{})
	n.publish(partitions, "IMGA", types.ZbootStatus{
		PartitionLabel: "IMGA", PartitionDevname: "/dev/sda2", PartitionState: "active",
		ShortVersion: "16.0.0-kvm-amd64", LongVersion: "16.0.0-kvm-amd64", CurrentPartition: true, TestComplete: true,
	})
	n.publish(partitions, "IMGB", types.ZbootStatus{PartitionLabel: "IMGB", PartitionState: "unused"})
	if err := partitions.SignalRestarted(); err != nil {
		n.log.Fatal(err)
	}
	stop := func(agent types.ZedAgentStatus) {
		if !agent.RebootCmd || status.DeviceReboot {
			return
		}
		if err := os.WriteFile("/persist/boot-reason-of-the-box", []byte("reboot"), 0o600); err != nil {
			n.log.Fatal(err)
		}
		status.DeviceReboot, status.AllDomainsHalted = true, true
		status.RebootReason = agent.RequestedRebootReason
		n.publish(nodeagent, status.Key(), status)
		say("reboot", agent.RequestedRebootReason)
		// What is under way to the controller gets as long as EVE's own grace at least.
		time.AfterFunc(time.Second, func() { os.Exit(0) })
	}
	n.later(func() { follow(n, "zedagent", false, stop, nil) })
}

// apps is volumemgr, zedrouter and domainmgr: what is wished for is so at once.
func (n *neighbours) apps() {
	answer(n, "zedagent", "volumemgr", func(wish types.ContentTreeConfig) types.ContentTreeStatus {
		return types.ContentTreeStatus{
			ContentID: wish.ContentID, DatastoreIDList: wish.DatastoreIDList, AllDatastoresResolved: true,
			RelativeURL: wish.RelativeURL, Format: wish.Format, ContentSha256: wish.ContentSha256,
			MaxDownloadSize: wish.MaxDownloadSize, GenerationCounter: wish.GenerationCounter,
			DisplayName: wish.DisplayName, State: types.LOADED, CreateTime: time.Now(), TotalSize: 1, CurrentSize: 1,
			Progress: 100,
		}
	})
	answer(n, "zedagent", "volumemgr", func(wish types.VolumeConfig) types.VolumeStatus {
		return types.VolumeStatus{
			VolumeID: wish.VolumeID, ContentID: wish.ContentID, VolumeContentOriginType: wish.VolumeContentOriginType,
			MaxVolSize: wish.MaxVolSize, ReadOnly: wish.ReadOnly, GenerationCounter: wish.GenerationCounter,
			LocalGenerationCounter: wish.LocalGenerationCounter, DisplayName: wish.DisplayName,
			State: types.CREATED_VOLUME, Progress: 100, FileLocation: "/persist/vault/volumes/" + wish.Key(),
			CreateTime: time.Now(), RefCount: 1,
		}
	})
	answer(n, "zedmanager", "volumemgr", func(wish types.VolumeRefConfig) types.VolumeRefStatus {
		state := types.CREATED_VOLUME
		if wish.VerifyOnly {
			state = types.LOADED
		}
		return types.VolumeRefStatus{
			VolumeID: wish.VolumeID, GenerationCounter: wish.GenerationCounter,
			LocalGenerationCounter: wish.LocalGenerationCounter, AppUUID: wish.AppUUID, State: state,
			ActiveFileLocation: "/persist/vault/volumes/" + wish.VolumeKey(), VerifyOnly: wish.VerifyOnly,
		}
	})
	answer(n, "zedagent", "zedrouter", func(wish types.NetworkInstanceConfig) types.NetworkInstanceStatus {
		return types.NetworkInstanceStatus{
			NetworkInstanceConfig: wish, Activated: true, MTU: 1500, Ports: []string{"eth0"},
			NetworkInstanceInfo: types.NetworkInstanceInfo{BridgeNum: 1, BridgeName: "bn1"},
		}
	})
	answer(n, "zedmanager", "zedrouter", func(wish types.AppNetworkConfig) types.AppNetworkStatus {
		status := types.AppNetworkStatus{
			UUIDandVersion: wish.UUIDandVersion, AppNum: 1, Activated: wish.Activate, DisplayName: wish.DisplayName,
		}
		for _, adapter := range wish.AppNetAdapterList {
			status.AppNetAdapterList = append(status.AppNetAdapterList, types.AppNetAdapterStatus{
				AppNetAdapterConfig: adapter,
			})
		}
		return status
	})
	n.publish(n.publisher("domainmgr", types.HostMemory{}), "global", types.HostMemory{
		TotalMemoryMB: 8192, FreeMemoryMB: 8192, Ncpus: 4,
	})
	answer(n, "zedmanager", "domainmgr", domain)
}

// domain is a virtual machine that starts and stops at once; its id is another after every start.
func domain(wish types.DomainConfig) types.DomainStatus {
	status := types.DomainStatus{
		UUIDandVersion: wish.UUIDandVersion, DisplayName: wish.DisplayName, AppNum: wish.AppNum,
		PurgeCounter: wish.PurgeCounter, RestartCounter: wish.RestartCounter, DomainName: wish.DisplayName,
		State: types.HALTED, VmConfig: wish.VmConfig,
	}
	if wish.Activate {
		status.State, status.Activated, status.DomainId, status.BootTime = types.RUNNING, true, 1, time.Now()
	}
	return status
}

// vault is vaultmgr: a key that the TPM seals, escrowed with the controller and got back from it; none without a TPM.
func (n *neighbours) vault() {
	key := types.EncryptedVaultKeyFromDevice{Name: types.DefaultVaultName, IsTpmEnabled: hasTpm()}
	if key.IsTpmEnabled {
		key.EncryptedVaultKey = vaultKey(n)
	}
	status := types.VaultStatus{
		Name:               types.DefaultVaultName,
		Status:             info.DataSecAtRestStatus_DATASEC_AT_REST_ENABLED,
		PCRStatus:          info.PCRStatus_PCR_ENABLED,
		ConversionComplete: true,
	}
	n.publish(n.publisher("vaultmgr", types.VaultStatus{}), status.Key(), status)
	n.publish(n.publisher("vaultmgr", types.EncryptedVaultKeyFromDevice{}), types.DefaultVaultName, key)
}
