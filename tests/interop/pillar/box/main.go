// Command box is a box with EVE's own agents: tpmmgr, client, zedagent, zedmanager, loguploader, scepclient and wstunnelclient,
// unchanged, in one process as EVE's zedbox has them. What needs hardware or runs apps (nim, vaultmgr, volumemgr, zedrouter,
// domainmgr, nodeagent, baseosmgr) is stood in for by the least that answers in its name.
//
// It runs in a root folder of its own with EVE's paths: /config as installed, /persist kept, /run anew at every boot.
// It says on stdout what became of it, a JSON object a line, and ends when EVE would reboot.
//
//	box authority CHALLENGE
//
// is an authority for scepclient instead.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/lf-edge/eve/pkg/pillar/agentlog"
	"github.com/lf-edge/eve/pkg/pillar/base"
	"github.com/lf-edge/eve/pkg/pillar/cmd/client"
	"github.com/lf-edge/eve/pkg/pillar/cmd/loguploader"
	"github.com/lf-edge/eve/pkg/pillar/cmd/scepclient"
	"github.com/lf-edge/eve/pkg/pillar/cmd/tpmmgr"
	"github.com/lf-edge/eve/pkg/pillar/cmd/wstunnelclient"
	"github.com/lf-edge/eve/pkg/pillar/cmd/zedagent"
	"github.com/lf-edge/eve/pkg/pillar/cmd/zedmanager"
	"github.com/lf-edge/eve/pkg/pillar/pubsub"
	"github.com/lf-edge/eve/pkg/pillar/pubsub/socketdriver"
	"github.com/lf-edge/eve/pkg/pillar/types"
	"github.com/sirupsen/logrus"
)

// agent is how EVE starts one.
type agent func(*pubsub.PubSub, *logrus.Logger, *base.LogObject, []string, string) int

// say tells whoever started the box.
func say(event string, detail any) {
	line, err := json.Marshal(map[string]any{"event": event, "detail": detail})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// run is one agent with a log and a bus of its own, until it returns.
func run(name string, start agent, arguments ...string) int {
	logger, log := agentlog.Init(name)
	logger.SetOutput(os.Stderr)
	return start(newBus(logger, log), logger, log, arguments, "")
}

func newBus(logger *logrus.Logger, log *base.LogObject) *pubsub.PubSub {
	return pubsub.New(&socketdriver.SocketDriver{Logger: logger, Log: log}, logger, log)
}

// keep starts an agent that must not end.
func keep(name string, start agent, arguments ...string) {
	go func() {
		code := run(name, start, arguments...)
		say("ended", map[string]any{"agent": name, "code": code})
		os.Exit(1)
	}()
}

// awaitTopic is there because who asks before there is a socket asks again in ten seconds.
func awaitTopic(topic string) {
	for {
		if _, err := os.Stat("/run/" + topic + ".sock"); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// must is for commands that device-steps.sh runs one after another.
func must(name string, code int) {
	if code != 0 {
		say("failed", map[string]any{"step": name, "code": code})
		os.Exit(1)
	}
}

// eveMemory is where EVE reads how much memory is its own.
const eveMemory = "/hostfs/sys/fs/cgroup/memory/eve"

// folders are those that EVE's start-up scripts make.
func folders() {
	for _, path := range []string{
		types.PersistStatusDir, types.CertificateDirname, types.PersistDebugDir, types.CheckpointDirname,
		types.NewlogUploadDevDir, types.NewlogUploadAppDir, types.NewlogKeepSentQueueDir, types.NewlogCollectDir,
		types.SealedDirName, types.TmpDirname,
		eveMemory, "/run/watchdog/pid", "/run/watchdog/file", "/persist/status/zedclient/OnboardingStatus", "/persist/tmp",
	} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			panic(err)
		}
	}
	for path, text := range map[string]string{
		types.EveVersionFile:     "16.0.0-kvm-amd64\n",
		"/run/eve.persist_type":  "ext4\n",
		"/run/eve-hv-type":       "kvm\n",
		types.EveMemoryLimitFile: "838860800\n",
		types.EveMemoryUsageFile: "419430400\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
}

// certify makes the box's keys as EVE's device-steps.sh does: in its TPM, or in files where it has none.
func certify() {
	commands := []string{"createSoftDeviceCert", "createSoftCerts"}
	if hasTpm() {
		if err := manageTpm(); err != nil {
			panic(err)
		}
		commands = []string{"createDeviceCert", "createCerts"}
	}
	for _, command := range commands {
		must(command, run("tpmmgr", tpmmgr.Run, command))
	}
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "authority" {
		panic(serveAuthority(os.Args[2]))
	}
	folders()
	certify()
	say("certified", nil)

	logger, log := agentlog.Init("neighbours")
	logger.SetOutput(os.Stderr)
	box := &neighbours{bus: newBus(logger, log), log: log}
	box.beforeOnboarding()

	must("client", run("client", client.Run, "selfRegister", "getUuid"))
	say("onboarded", nil)

	box.afterOnboarding()
	keep("zedagent", zedagent.Run)
	awaitTopic("zedagent/AttestNonce")
	keep("tpmmgr", tpmmgr.Run)
	keep("zedmanager", zedmanager.Run)
	keep("loguploader", loguploader.Run)
	keep("scepclient", scepclient.Run)
	keep("wstunnelclient", wstunnelclient.Run)
	awaitTopic("zedmanager/DomainConfig")
	awaitTopic("tpmmgr/AttestQuote")
	box.begin()
	select {}
}
