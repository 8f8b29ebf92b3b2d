package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
)

// Where the TPM is, and where EVE looks for the kernel's resource manager.
const (
	tpmDevice  = "/dev/tpm0"
	tpmManager = "/dev/tpmrm0"
)

const (
	headerLength = 10
	messageMax   = 8192
	flushContext = 0x165
	objectsFull  = 0x902
	sessionsFull = 0x903
)

// loading are the commands whose answer begins with the handle of what they loaded: CreatePrimary, Load, ContextLoad,
// LoadExternal, StartAuthSession, CreateLoaded.
var loading = []uint32{0x131, 0x157, 0x161, 0x167, 0x176, 0x191}

// manager does for a TPM behind a socket what the kernel does for a real one: EVE's code leaves objects behind, and
// the kernel unloads them when the device is closed. Over a socket every command is a connection of its own, so the
// oldest is unloaded when there is no room.
type manager struct {
	mutex  sync.Mutex
	tpm    net.Conn
	loaded []uint32
}

func hasTpm() bool {
	_, err := os.Stat(tpmDevice)
	return err == nil
}

func manageTpm() error {
	tpm, err := net.Dial("unix", tpmDevice)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", tpmManager)
	if err != nil {
		return err
	}
	m := &manager{tpm: tpm}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go m.serve(client)
		}
	}()
	return nil
}

func (m *manager) serve(client net.Conn) {
	defer client.Close()
	for {
		command, err := readMessage(client)
		if err != nil {
			return
		}
		response, err := m.exchange(command)
		if err != nil {
			say("tpm", err.Error())
			return
		}
		if _, err := client.Write(response); err != nil {
			return
		}
	}
}

// exchange makes room as often as there is something to unload.
func (m *manager) exchange(command []byte) ([]byte, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for {
		response, err := m.send(command)
		if err != nil {
			return nil, err
		}
		code := binary.BigEndian.Uint32(response[6:])
		if (code == objectsFull || code == sessionsFull) && len(m.loaded) > 0 {
			oldest := m.loaded[0]
			m.loaded = m.loaded[1:]
			if _, err := m.send(flushCommand(oldest)); err != nil {
				return nil, err
			}
			continue
		}
		m.note(command, response, code)
		return response, nil
	}
}

func (m *manager) note(command, response []byte, code uint32) {
	if code != 0 {
		return
	}
	switch what := binary.BigEndian.Uint32(command[6:]); {
	case what == flushContext:
		gone := binary.BigEndian.Uint32(command[headerLength:])
		m.loaded = slices.DeleteFunc(m.loaded, func(handle uint32) bool { return handle == gone })
	case slices.Contains(loading, what):
		m.loaded = append(m.loaded, binary.BigEndian.Uint32(response[headerLength:]))
	}
}

func (m *manager) send(command []byte) ([]byte, error) {
	if _, err := m.tpm.Write(command); err != nil {
		return nil, err
	}
	return readMessage(m.tpm)
}

func flushCommand(handle uint32) []byte {
	command := []byte{0x80, 0x01, 0, 0, 0, headerLength + 4}
	command = binary.BigEndian.AppendUint32(command, flushContext)
	return binary.BigEndian.AppendUint32(command, handle)
}

// readMessage is a command or a response: both say their length after two bytes.
func readMessage(from io.Reader) ([]byte, error) {
	message := make([]byte, headerLength, messageMax)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(message[2:])
	if length < headerLength || length > messageMax {
		return nil, errors.New(fmt.Sprint("a TPM's message of ", length, " bytes"))
	}
	message = message[:length]
	_, err := io.ReadFull(from, message[headerLength:])
	return message, err
}
