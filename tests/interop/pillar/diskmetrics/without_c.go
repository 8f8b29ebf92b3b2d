//go:build !cgo

package diskmetrics

import (
	"errors"

	"github.com/lf-edge/eve/pkg/pillar/base"
	"github.com/lf-edge/eve/pkg/pillar/types"
)

// PersistUsageStat is in a file that asks a C library, which a box that runs no apps does not need.
func PersistUsageStat(*base.LogObject) (*types.UsageStat, error) {
	return nil, errors.New("built without C")
}
