package outfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// few is how many files are synced one by one where file systems can be synced
// whole, which takes about as long as some files one after another.
const few = 16

// Unsafe are the files that have their names and that a power cut would still
// take. The zero Unsafe is none. It is safe for concurrent use.
type Unsafe struct {
	mu    sync.Mutex // guards what follows; never held across a sync
	files []string
	trees []string            // directories, with all that is in them
	whole bool                // there is more, and the file systems are to be synced
	dirs  map[string]struct{} // that hold all of these
}

// Add says that the file got its name.
func (u *Unsafe) Add(file string) { u.add(file, false) }

// AddTree says that a directory got its name, with files in it.
func (u *Unsafe) AddTree(path string) { u.add(path, true) }

func (u *Unsafe) add(path string, tree bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dirs == nil {
		u.dirs = make(map[string]struct{})
	}
	u.dirs[filepath.Dir(path)] = struct{}{}
	switch {
	case wholesale && (tree || len(u.files) == few):
		u.whole = true
	case tree:
		u.trees = append(u.trees, path)
	default:
		u.files = append(u.files, path)
	}
}

// Sync makes safe what was added before it was called: files first, then the
// names in their directories. What has gone meanwhile needs no sync.
func (u *Unsafe) Sync() error {
	u.mu.Lock()
	files, trees, whole, dirs := u.files, u.trees, u.whole, u.dirs
	u.files, u.trees, u.whole, u.dirs = nil, nil, false, nil
	u.mu.Unlock()
	for _, f := range files {
		if whole {
			break
		}
		err := syncFile(f)
		if errors.Is(err, os.ErrPermission) { // its mode lets nobody read it
			whole, err = wholesale, nil
		}
		if err != nil {
			return err
		}
	}
	if whole {
		return syncSystems(dirs)
	}
	for _, t := range trees {
		if err := syncTree(t); err != nil {
			return err
		}
	}
	for d := range dirs {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// syncTree makes everything in a directory safe that can be read.
func syncTree(path string) error {
	return filepath.WalkDir(path, func(path string, d os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrPermission):
			return nil
		case err != nil:
			return gone(err)
		case d.IsDir():
			return syncDir(path)
		case !d.Type().IsRegular():
			return nil
		}
		if err := syncFile(path); !errors.Is(err, os.ErrPermission) {
			return err
		}
		return nil
	})
}

// syncFile makes the data of a file safe.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return gone(err)
	}
	return done(f, f.Sync())
}

// syncDir makes the names in a directory safe. Not every file system can do that,
// and then nothing more can be done.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return nil
	}
	_ = d.Sync()
	return d.Close()
}

// done closes f and returns what is wrong with its data.
func done(f *os.File, err error) error {
	if err != nil {
		err = fmt.Errorf("sync %s: %w", f.Name(), err)
	}
	return errors.Join(err, f.Close())
}

// gone is err unless it says that there is no such file.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
