// Package libzfs takes the place of the binding to ZFS's C library, which EVE's agents link and a box without
// ZFS never calls: every question is answered with "no ZFS here".
package libzfs

import (
	"errors"
	"time"
)

var errNone = errors.New("no ZFS here")

const ioTypes = 6

type (
	// Prop names a property.
	Prop int
	// DatasetType is a file system, a volume or a snapshot.
	DatasetType int
	// VDevType is a disk, or how disks are combined.
	VDevType string
	// VDevState is how a device does.
	VDevState uint64
	// VDevAux is why.
	VDevAux uint64
)

// Names of properties.
const (
	DatasetPropName Prop = iota
	DatasetPropType
	DatasetPropUsed
	DatasetPropUsedds
	DatasetPropAvailable
	DatasetPropLogicalused
	DatasetPropRefreservation
	DatasetPropReservation
	DatasetPropMounted
	DatasetPropEncryption
	DatasetPropKeyLocation
	DatasetPropKeyFormat
	DatasetPropKeyStatus
	DatasetPropVolsize
	DatasetPropVolblocksize
	DatasetPropVolmode
	DatasetPropCompression
	DatasetPropCompressratio
	DatasetPropLogbias
	DatasetPropRedundantMetadata
)

// Types of datasets and devices.
const (
	DatasetTypeFilesystem DatasetType = 1
	DatasetTypeVolume     DatasetType = 4

	VDevTypeDisk   VDevType = "disk"
	VDevTypeMirror VDevType = "mirror"
	VDevTypeRaidz  VDevType = "raidz"
)

func (VDevState) String() string { return "UNKNOWN" }

// Property is the value of one.
type Property struct{ Value, Source string }

// Dataset is none.
type Dataset struct {
	Type       DatasetType
	Properties map[Prop]Property
	Children   []Dataset
}

// Pool is none.
type Pool struct{}

// VDevStat counts what a device did.
type VDevStat struct {
	Timestamp                               time.Duration
	State                                   VDevState
	Aux                                     VDevAux
	Alloc, Space, DSpace, RSize, ESize      uint64
	Ops, Bytes                              [ioTypes]uint64
	ReadErrors, WriteErrors, ChecksumErrors uint64
}

// VDevTree is a pool's devices.
type VDevTree struct {
	Type       VDevType
	Devices    []VDevTree
	GUID       uint64
	Path, Name string
	Stat       VDevStat
}

// PoolOpenAll finds none.
func PoolOpenAll() ([]Pool, error) { return nil, errNone }

// DatasetOpenAll finds none.
func DatasetOpenAll() ([]Dataset, error) { return nil, errNone }

// DatasetCloseAll has none to close.
func DatasetCloseAll([]Dataset) {}

// DatasetOpen finds none.
func DatasetOpen(string) (Dataset, error) { return Dataset{}, errNone }

// DatasetCreate makes none.
func DatasetCreate(string, DatasetType, map[Prop]Property) (Dataset, error) {
	return Dataset{}, errNone
}

// DatasetSnapshot makes none.
func DatasetSnapshot(string, bool, map[Prop]Property) (Dataset, error) { return Dataset{}, errNone }

// Close does nothing.
func (*Dataset) Close() {}

// Path has none.
func (*Dataset) Path() (string, error) { return "", errNone }

// GetProperty has none.
func (*Dataset) GetProperty(Prop) (Property, error) { return Property{}, errNone }

// SetProperty sets none.
func (*Dataset) SetProperty(Prop, string) error { return errNone }

// IsMounted is never so.
func (*Dataset) IsMounted() (bool, string) { return false, "" }

// Mount cannot.
func (*Dataset) Mount(string, int) error { return errNone }

// UnmountAll cannot.
func (*Dataset) UnmountAll(int) error { return errNone }

// DestroyRecursive cannot.
func (*Dataset) DestroyRecursive() error { return errNone }

// Rollback cannot.
func (*Dataset) Rollback(*Dataset, bool) error { return errNone }
