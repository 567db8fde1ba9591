/*
 * Defects on purpose.  The simulator (tests/sim) and the conformance suite run
 * with one of them switched on at a time, and have to notice: a mutant that
 * survives is a hole in them (scripts/mutants, TESTING.md).
 *
 * A mutant is a hook where its defect is; the kernel's own code stays as it
 * would be without:
 *
 *	if (!MUTANT(PROTECT_NO_FLUSH))
 *		tlb_batch_add(&a->batch, va);
 *
 * Only objects built with SIM_MUTANTS contain them.  Anywhere else MUTANT() is
 * the constant 0, and the compiler leaves nothing of the hook.
 */
#ifndef _SYS_MUTANT_H_
#define _SYS_MUTANT_H_

/* X(name, subsystem, "defect: scenario that shows it") */
#define MUTANTS(X)                                                          \
	/* Translations */                                                  \
	X(TLB_VA_NO_REMOTE, "tlb",                                          \
	    "one address is fenced on this hart only: a thread on another " \
	    "hart goes on using the page that was taken away")              \
	X(TLB_BATCH_NO_REMOTE, "tlb",                                       \
	    "an unmapped range is fenced on this hart only: a thread on "   \
	    "another hart still reaches the freed pages")                   \
	X(TLB_BATCH_NO_LOCAL, "tlb",                                        \
	    "an unmapped range is fenced on other harts only: the thread "  \
	    "that unmapped still reaches the freed pages")                  \
	X(TLB_BATCH_FORGETS, "tlb",                                         \
	    "of more than 16 addresses only the first 16 are fenced: the "  \
	    "seventeenth page of an unmapped range stays reachable")        \
	X(TLB_HULL_SHORT, "tlb",                                            \
	    "the remote fence ends one page early: a thread on another "    \
	    "hart still reaches the highest page of an unmapped range")     \
	X(TLB_TABLES_BY_VA, "tlb",                                          \
	    "fences by address after a table was freed: a hart walks the "  \
	    "reused table through a cached pointer to it")                  \
	X(PROTECT_NO_FLUSH, "tlb",                                          \
	    "no fence after rights were taken: a thread still writes "      \
	    "after mprotect(PROT_READ), or a parent after fork")            \
	X(KREMOVE_NO_FLUSH, "tlb",                                          \
	    "no fence after a kernel mapping went: a hart reaches the "     \
	    "freed page through the old kernel address")                    \
	X(ENTER_NO_BREAK, "tlb",                                            \
	    "no fence when another page takes the place of a mapped one: "  \
	    "after copy-on-write another thread reads the old page")        \
	X(SPURIOUS_NO_FENCE, "tlb",                                         \
	    "no fence after a fault on an entry that permits the access: "  \
	    "a hart that caches the invalid entry faults for ever")         \
	X(SWITCH_LOOKS_FIRST, "tlb",                                        \
	    "activation looks at its bit before it announces itself: an "   \
	    "invalidation in between neither fences this hart nor makes "   \
	    "it flush")                                                     \
	X(TARGETS_NO_PREVPMAP, "tlb",                                       \
	    "a hart that is just leaving an address space is not fenced: "  \
	    "its satp still reaches a page that was freed meanwhile")       \
	X(TARGETS_NO_RECHECK, "tlb",                                        \
	    "no second look after the bit was cleared: a hart that "        \
	    "activates in between keeps an entry another thread removes")   \
	X(TARGETS_KEEP_BIT, "tlb",                                          \
	    "the bit of a hart that is not running the address space "      \
	    "stays: a thread that comes back to it uses entries from "      \
	    "before")                                                       \
	X(LEAVE_NO_WAIT, "tlb",                                             \
	    "the tables of a dead process are freed at once: a hart that "  \
	    "borrowed its address space still walks them")                  \
	X(ASID_REUSED_UNFLUSHED, "tlb",                                     \
	    "no flush at the first activation on a hart: a new process "    \
	    "reads through entries of the last owner of its number")        \
	X(ASID_0_UNFLUSHED, "tlb",                                          \
	    "no flush without address-space numbers: after a switch a "     \
	    "process reads another one's memory")                           \
	X(ASID_NOT_TAKEN, "tlb",                                            \
	    "an address-space number is given out twice: two processes "    \
	    "use each other's entries")                                     \
	X(FENCEI_LOCAL_ONLY, "tlb",                                         \
	    "instruction fetch is made coherent on this hart only: "        \
	    "another hart executes what the page held before")              \
	X(ICACHE_NO_FENCE, "pmap",                                          \
	    "a page becomes executable without fence.i: the hart fetches "  \
	    "what the page held for its last owner")                        \
	X(ICACHE_STAYS_CLEAN, "pmap",                                       \
	    "a page that becomes writable stays clean for fetch: written, " \
	    "then made executable again, its old text is fetched")          \
	X(PROTECT_TEXT_NO_FENCE, "pmap",                                    \
	    "text that was written loses that right without fence.i: what " \
	    "was there before is executed")                                 \
	X(UNFENCED_NO_WAIT, "pmap",                                         \
	    "a page is freed that a munmap on another hart has let go of "  \
	    "but not fenced yet: a thread still writes to it")              \
	X(PM_UNFENCED_NO_WAIT, "pmap",                                      \
	    "munmap finds an entry gone that the page daemon has not "      \
	    "fenced yet, and returns: its thread still reads the page")     \
	X(NEIGHBOUR_REENTERS, "pmap",                                       \
	    "neighbours at the edge of a table are entered over what is "   \
	    "mapped: a sequential reader's fault unwires the page before")  \
	X(NEIGHBOUR_NO_FENCEI, "pmap",                                      \
	    "a neighbour is mapped executable without fence.i: the hart "   \
	    "fetches what the page held before")                            \
	X(REMOVE_KEEPS_PV, "pmap",                                          \
	    "unmapping leaves the page's record of the mapping: the page "  \
	    "is freed while it seems mapped")                               \
	X(REMOVE_NO_PV_LOCK, "pmap",                                        \
	    "unmapping does not lock the page: another hart takes the "     \
	    "same mapping from the page's side and finds it gone")          \
	X(REMOVE_SHORT, "pmap",                                             \
	    "the last page of each table's part stays mapped: munmap of "   \
	    "two pages leaves the second reachable")                        \
	X(REENTER_LOSES_D, "pmap",                                          \
	    "write is taken from a modified mapping and its D with it: "    \
	    "the daemon drops the modified page of a file as clean")        \
	X(FOLD_LOSES_D, "pmap",                                             \
	    "D of a mapping that goes is not kept: a page of a file is "    \
	    "written, unmapped and dropped as clean")                       \
	X(PMAP_WIRED_DRIFT, "pmap",                                         \
	    "unwiring does not lower the pmap's count: after mlock and "    \
	    "munlock it does not match the entries")                        \
	X(PV_INLINE_LOSES_NEXT, "pmap",                                     \
	    "the first of several mappings goes and takes the second with " \
	    "it: parent unmaps, the child's mapping is forgotten")          \
	X(PV_FLUSH_BEFORE_STORE, "pmap",                                    \
	    "the fence comes before the entry is cleared: another hart "    \
	    "loads the entry in between and keeps it")                      \
	X(PV_RESIDENT_DRIFT, "pmap",                                        \
	    "removing a page's mappings leaves the resident counts: a "     \
	    "process ends and its pmap still counts pages")                 \
	X(PV_PROTECT_NO_FLUSH, "pmap",                                      \
	    "no fence after a page lost its write rights: the owner "       \
	    "writes to a page that is on loan or copied")                   \
	X(PMAP_MOVE_PV_STAYS, "pmap",                                       \
	    "a moved mapping is known to its page at the old address: the " \
	    "page daemon looks there")                                      \
	X(PMAP_MOVE_LOSES_D, "pmap",                                        \
	    "a moved entry loses its modify attribute: the page is not "    \
	    "written when memory is short")                                 \
	X(PMAP_MOVE_NO_FENCE, "pmap",                                       \
	    "the old address of a moved mapping is not fenced: threads "    \
	    "reach the page there after mremap")                            \
	X(PV_PROTECT_FIRST_ONLY, "pmap",                                    \
	    "only the first mapping of a page loses its write right: of "   \
	    "two processes that share it one still writes after a copy")    \
	X(CLEAR_ATTR_BLIND, "pmap",                                         \
	    "clearing A or D stores over what changed meanwhile: mprotect " \
	    "on another hart takes write, which comes back")                \
	X(PAGES_NO_FLUSH, "pmap",                                           \
	    "no fence after pages were aged together: a hart that uses "    \
	    "one does not set A again, and it goes to swap")                \
	X(AGED_SEEMS_FENCED, "pmap",                                        \
	    "a page is removed that another hart ages, and whose A was "    \
	    "cleared but not fenced: it is freed while still in use")       \
	X(PAGES_FLUSH_FIRST_PAGE, "pmap",                                   \
	    "of pages that were aged together only the first is fenced: "   \
	    "the others are used without A being set")                      \
	X(PAGES_FLUSH_FIRST_PMAP, "pmap",                                   \
	    "of processes that share aged pages only the first is fenced: " \
	    "what the others do with them does not set A")                  \
	X(PAGES_PROTECT_SEEMS_FENCED, "pmap",                               \
	    "mprotect finds write gone that the writer of pages took and "  \
	    "did not fence: another thread stores after it returned")       \
	X(PAGES_NO_WAIT, "pmap",                                            \
	    "pages are called unmodified while a hart that unmapped them "  \
	    "has still to fence: a store is not written to the file")       \
	X(ZERO_PAGE_WRITABLE, "pmap",                                       \
	    "the page of zeros is mapped writable: a write after a read "   \
	    "is seen in the untouched memory of everybody")                 \
	X(ZERO_PAGE_TWICE, "pmap",                                          \
	    "the page of zeros is entered where it is already: two "        \
	    "threads read a new page, and the pmap counts it twice")        \
	X(SKIP_LOSES_EIGHTH, "pmap",                                        \
	    "a search for mapped pages looks at seven of eight: a page "    \
	    "alone in its group survives munmap")                           \
	/* Faults */                                                        \
	X(RELOCK_NO_CHECK, "fault",                                         \
	    "after a wait the map is taken to be unchanged: another "       \
	    "thread has unmapped the range and the fault maps into it")     \
	X(FAST_COPY_NO_STAMP, "fault",                                      \
	    "an entry gets its amap without a new timestamp: a fault that " \
	    "waits for the object's page maps it over what was written")    \
	X(FAST_COPY_IGNORES_ENOMEM, "fault",                                \
	    "a copy of the amap that failed is taken for done: the write "  \
	    "lands in memory the relative sees")                            \
	X(FAST_ZERO_NO_RECHECK, "fault",                                    \
	    "the slot is filled without another look: two threads touch a " \
	    "new page, the first one's write is lost")                      \
	X(FAST_MAP_WRITABLE, "fault",                                       \
	    "a shared anon is mapped writable: after fork and a read, the " \
	    "child's write is seen by the parent")                          \
	X(FAST_SPARE_LEAK, "fault",                                         \
	    "the page made for a slot that somebody else filled is not "    \
	    "given back: two threads touch a new page")                     \
	X(COW_KEEPS_REF, "fault",                                           \
	    "copy-on-write keeps its reference to the old anon: the anon "  \
	    "outlives both processes")                                      \
	X(ZERO_PAGE_IN_SHARED, "fault",                                     \
	    "a reader of a shared amap gets the page of zeros: he never "   \
	    "sees what the other process writes")                           \
	X(ZERO_PAGE_LEFT, "fault",                                          \
	    "pages of zeros stay mapped when memory becomes shared: the "   \
	    "parent never sees what the child writes")                      \
	X(NEIGHBOUR_WRITABLE, "fault",                                      \
	    "neighbours with a shared anon are mapped writable: the child " \
	    "writes beside a page it read, the parent sees it")             \
	X(WINDOW_PAST_END, "fault",                                         \
	    "the window of neighbours ends one page late: a page beyond "   \
	    "the mapping becomes reachable")                                \
	X(SPARE_ERROR_LEAK, "fault",                                        \
	    "an anon is not given back when there is no page for it: "      \
	    "memory runs out during a fault")                               \
	X(UNMAP_KEEPS_WIRED, "fault",                                       \
	    "a page that another one replaces in a shared amap, or a copy " \
	    "of which ends a loan, stays wired")                            \
	X(WIRED_COW_KEEPS_OLD, "fault",                                     \
	    "the page a wired mapping left stays wired: read-only memory "  \
	    "shared by fork is locked, made writable and written")          \
	X(NEEDSCOPY_WRITABLE, "fault",                                      \
	    "a read of an entry that needs a copy maps writable: a "        \
	    "private file mapping is written, forked, read, then written")  \
	X(LOANED_MAPPED_WRITABLE, "fault",                                  \
	    "a page on loan is mapped writable by a read: the owner then "  \
	    "writes and the borrower sees it")                              \
	X(LOANED_OBJ_WRITTEN, "fault",                                      \
	    "a write to an object's page on loan makes no copy: the "       \
	    "borrower sees it")                                             \
	X(LOANED_OVERWRITTEN, "uvn",                                        \
	    "write(2) to a file's page on loan makes no copy: the "         \
	    "borrower sees it")                                             \
	X(EXT2_NAMELESS_EARLY, "ext2",                                      \
	    "an inode that lost its last name while it was being synced "   \
	    "reaches the disk before that name has gone from there")        \
	X(EXT2_NAMES_UNWRITTEN, "ext2",                                     \
	    "an inode names blocks that it got while its data was being "   \
	    "written: a power cut shows what they held before")             \
	X(EXT2_DATA_IN_CACHE, "ext2",                                       \
	    "no flush between the data of new blocks and the inode that "   \
	    "names them: a power cut keeps the inode only")                 \
	X(EXT2_FSYNC_IN_CACHE, "ext2",                                      \
	    "fsync does not flush the device's cache: a power cut takes "   \
	    "what was synced")                                              \
	X(EXT2_FSYNC_NO_NAME, "ext2",                                       \
	    "fsync of a new file leaves its name in memory: a power cut "   \
	    "takes the file")                                               \
	X(EXT2_NAMES_NEVER, "ext2",                                         \
	    "a sync leaves out the blocks of directories: a power cut "     \
	    "takes new files, and brings removed ones back")                \
	X(UVN_MSYNC_UNSAFE, "uvn",                                          \
	    "msync writes pages, but not what leads to them, and leaves "   \
	    "all in the device's cache: a power cut takes it")              \
	X(UVN_ERROR_TO_OTHERS, "uvn",                                       \
	    "what a sync finds out about a file is not told to who "        \
	    "asks for it by fsync")                                         \
	X(UVN_GROWS_UNREAD, "uvn",                                          \
	    "a file whose last page cannot be read grows: what it held "    \
	    "behind the end shows when it can")                             \
	X(EXT2_GROWS_UNKNOWN, "ext2",                                       \
	    "a file nobody has read yet grows, and nobody clears what its " \
	    "last page holds behind the old end")                           \
	X(LOANED_CUT, "uvn",                                                \
	    "a file's last page on loan is zeroed behind the new end: "     \
	    "the borrower sees it")                                         \
	X(OBJ_NEIGHBOUR_WRITABLE, "fault",                                  \
	    "neighbours of a private object mapping are mapped writable: "  \
	    "a write beside a read page reaches the object")                \
	X(OBJ_NEIGHBOUR_OVER_ANON, "fault",                                 \
	    "an object's page is mapped where an anon hides it: a child "   \
	    "reads beside what its parent had changed")                     \
	X(LOWER_NO_RECHECK, "fault",                                        \
	    "after I/O the slot is not looked at again: two threads write " \
	    "to one page of a file, the first write is lost")               \
	X(IO_NO_REF, "fault",                                               \
	    "no reference to the object during I/O: the mapping ends "      \
	    "meanwhile, and the object with it")                            \
	X(IO_ERROR_KEEPS_REF, "fault",                                      \
	    "a failed read keeps its reference to the object: the object "  \
	    "is never freed")                                               \
	X(IO_ERROR_IGNORED, "fault",                                        \
	    "a read that failed is tried for ever: a touch behind the end " \
	    "of an object never returns")                                   \
	X(PROMOTE_NO_PROTECT, "fault",                                      \
	    "the object's page stays mapped where an amap is shared: one "  \
	    "process writes, the other keeps reading the object")           \
	X(WIRE_ERROR_LEAK, "fault",                                         \
	    "pages wired before a fault failed stay wired: mlock over the " \
	    "end of an object")                                             \
	X(UNWIRE_KEEPS_COUNT, "fault",                                      \
	    "unwiring leaves the pages' wire counts: mlock, munlock, and "  \
	    "the pages never return to a queue")                            \
	/* Loans */                                                         \
	X(LOAN_NO_PROTECT, "loan",                                          \
	    "a page is lent with its writable mappings: the owner writes "  \
	    "and the borrower sees it")                                     \
	X(LOAN_LAST_LEAK, "loan",                                           \
	    "the end of the last loan does not free the page: its owner "   \
	    "unmapped it during the loan")                                  \
	X(LOAN_NO_LOCK_REF, "loan",                                         \
	    "a loaned anon does not keep its lock: the owner exits first, " \
	    "and the lock is freed under the borrower")                     \
	X(LOAN_ERROR_LEAK, "loan",                                          \
	    "pages lent before one failed are not taken back: a loan of a " \
	    "range that ends in a hole")                                    \
	/* Amaps */                                                         \
	X(AMAP_COPY_NO_RECHECK, "amap",                                     \
	    "no second look whether the amap is ours alone: the relative "  \
	    "exits just before the copy, and the amap is leaked")           \
	X(AMAP_COPY_ERROR_LEAK, "amap",                                     \
	    "a copy that failed leaves its amap behind: no memory for its " \
	    "nodes")                                                        \
	X(AMAP_COPY_NO_PROTECT, "amap",                                     \
	    "pages of a shared amap stay writable when they are copied: a " \
	    "sharer's write is seen in the copy")                           \
	X(AMAP_COPY_NO_ANON_REF, "amap",                                    \
	    "a copied amap takes no reference to its anons: one process "   \
	    "exits and frees the other's pages")                            \
	X(AMAP_COPY_UNDO_LEAK, "amap",                                      \
	    "a copy that failed keeps its references to anons: no memory "  \
	    "for the second node")                                          \
	X(SPLIT_NO_AMAP_REF, "amap",                                        \
	    "half of a split entry has no reference to the amap: the "      \
	    "other half is unmapped and frees it")                          \
	X(SPLIT_WRONG_SLOT, "amap",                                         \
	    "the upper half of a split entry begins one slot low: "         \
	    "mprotect of a part moves what lies behind")                    \
	X(COW_NOW_DROPS_TWO, "amap",                                        \
	    "a copy of wired memory for a child drops two references: the " \
	    "parent's page is freed under it")                              \
	X(REPLACE_NO_PROTECT, "amap",                                       \
	    "the page replaced in a shared amap stays mapped elsewhere: "   \
	    "the other process keeps reading the old one")                  \
	X(COVER_LOWERS_TAIL, "amap",                                        \
	    "giving up a part lowers the count of what follows too: a "     \
	    "child unmaps a piece and the rest is freed with it")           \
	X(COVER_RELEASES_PAST, "amap",                                      \
	    "giving up a part empties slots behind it: the child has "      \
	    "exited but for a piece, and more is unmapped than asked")      \
	X(COVER_SINGLE_FIRST, "amap",                                       \
	    "only the first step tells whether an amap is ours: the child " \
	    "unmapped the front and sees the parent's writes behind")       \
	/* Maps */                                                          \
	X(MAP_BUSY_IGNORED, "map",                                          \
	    "a map that is being wired is changed: munmap during another "  \
	    "thread's mlock")                                               \
	X(MAP_BUSY_NO_RECHECK, "map",                                       \
	    "who waited for a busy map does not look again: a second "      \
	    "mlock begins before the munmap runs")                          \
	X(MAP_UNBUSY_NO_WAKEUP, "map",                                      \
	    "the end of wiring wakes nobody: munmap during an mlock waits " \
	    "for ever")                                                     \
	X(TRIM_WRONG_OFFSET, "map",                                         \
	    "cutting the front of a mapping does not advance its offset: "  \
	    "what remains shows other pages of the object")                 \
	X(MAP_SIZE_DRIFT, "map",                                            \
	    "cutting a mapping does not change the map's size: the audit "  \
	    "finds another sum")                                            \
	X(UNMAP_LEAVES_MAPPED, "map",                                       \
	    "munmap leaves the pages mapped: a page that is freed is "      \
	    "still reachable")                                              \
	X(DISCARD_LEAVES_MAPPED, "map",                                     \
	    "MADV_DONTNEED leaves shared pages mapped: after fork and a "   \
	    "write to its entry, old data instead of zeros")                \
	X(DISCARD_NEEDSCOPY_MAPPED, "map",                                  \
	    "MADV_DONTNEED after fork leaves the relative's pages mapped: " \
	    "old data instead of zeros")                                    \
	X(DISCARD_SHARED, "map",                                            \
	    "MADV_DONTNEED frees memory another process shares: he reads "  \
	    "zeros")                                                        \
	X(HINT_DANGLES, "map",                                              \
	    "the lookup hint stays on a removed entry: a fault after "      \
	    "munmap finds memory of the freed entry")                       \
	X(CLIP_WRONG_OFFSET, "map",                                         \
	    "the upper half of a split entry keeps the lower one's "        \
	    "offset: mprotect of a part shows other pages of the object")   \
	X(CLIP_NO_OBJ_REF, "map",                                           \
	    "half of a split entry has no reference to the object: the "    \
	    "other half is unmapped and frees it")                          \
	X(MERGE_MAXPROT, "map",                                             \
	    "mappings of different maximum rights are merged: mprotect "    \
	    "gives the new one rights it must not have")                    \
	X(MERGE_INHERIT, "map",                                             \
	    "mappings of different inheritance are merged: the child "      \
	    "gets, or misses, the new one")                                 \
	X(MERGE_OFFSET, "map",                                              \
	    "parts of an object that do not follow each other are merged: " \
	    "the new mapping shows other pages")                            \
	X(MERGE_KEEPS_REF, "map",                                           \
	    "a merged mapping keeps its own reference to the object: the "  \
	    "object is never freed")                                        \
	X(EXTRACT_WAITS_LOCKED, "map",                                      \
	    "passing entries waits for a busy map with the other one "      \
	    "locked: who made it busy waits for a fault in that one")       \
	X(EXTRACT_LOCK_ORDER, "map",                                        \
	    "two maps are locked as they come: two processes pass memory "  \
	    "to each other and wait for ever")                              \
	X(EXTRACT_WRONG_SLOT, "map",                                        \
	    "a shared part of an entry begins at the entry's first slot: "  \
	    "the other side sees the wrong pages")                          \
	X(MOVE_STAYS_WIRED, "space",                                        \
	    "memory that a transfer had locked stays wired when it is "     \
	    "passed on: its pages can never go to swap")                    \
	X(MOVE_LEAVES_MAPPED, "map",                                        \
	    "moving a range leaves it mapped at the old place: mremap, "    \
	    "and the old address still works")                              \
	X(MREMAP_ANY_OFFSET, "map",                                         \
	    "neighbours that show unrelated parts of a file are moved as "  \
	    "one mapping: mremap gives no EFAULT, and what is added shows " \
	    "other pages")                                                  \
	X(MREMAP_NO_RLIMIT, "map", "mremap grows beyond RLIMIT_AS")         \
	X(MREMAP_GROWS_UNWIRED, "map",                                      \
	    "what mremap adds to locked memory is not locked")              \
	X(MREMAP_STAYS_SHARED, "map",                                       \
	    "what MREMAP_DONTUNMAP leaves behind shows the pages that "     \
	    "moved")                                                        \
	X(MREMAP_NO_CLIP, "map",                                            \
	    "moving the middle of an entry takes its beginning along")      \
	X(MREMAP_SIZE_DRIFT, "map",                                         \
	    "memory that grows in place is not counted: RLIMIT_AS is never" \
	    " reached")                                                     \
	X(MREMAP_ADDS_FIRST_PAGE, "map",                                    \
	    "what is added to a file's mapping begins at the file's first " \
	    "mapped page again")                                            \
	X(MREMAP_FIXED_KEEPS, "map",                                        \
	    "MREMAP_FIXED links over what is mapped there")                 \
	X(PROCVM_NO_RIGHTS, "map",                                          \
	    "process_vm_writev writes to memory that the process itself "   \
	    "may not write")                                                \
	X(PROCVM_NO_PART, "map",                                            \
	    "process_vm_readv that comes to a hole says EFAULT, not how "   \
	    "much it has read")                                             \
	X(CORE_DUMPS_ALL, "map",                                            \
	    "a core file has text and memory of MADV_DONTDUMP in it")       \
	X(CORE_TOUCHES_ALL, "map",                                          \
	    "a core dump gives pages to memory that nobody has touched: "   \
	    "a dying process eats what memory there is")                    \
	X(RAISE_SHARED_ANON, "map",                                         \
	    "mprotect gives write to pages shared by copy-on-write: after " \
	    "fork the other process sees the write")                        \
	X(RAISE_LOANED, "map",                                              \
	    "mprotect gives write to pages on loan: the borrower sees the " \
	    "write")                                                        \
	X(RAISE_NEEDSCOPY, "map",                                           \
	    "mprotect gives write to an entry that needs a copy: after "    \
	    "fork the other process sees the write")                        \
	X(PROTECT_NONE_STAYS_WIRED, "map",                                  \
	    "mprotect(PROT_NONE) of wired memory does not unwire: its "     \
	    "pages stay wired when they are unmapped")                      \
	X(PROTECT_NOT_APPLIED, "map",                                       \
	    "mprotect changes the entry only: what is mapped keeps its "    \
	    "rights")                                                       \
	X(INHERIT_NO_CLIP, "map",                                           \
	    "minherit reaches to the end of the entry: the child misses, "  \
	    "or shares, what lies behind the range")                        \
	X(WIRE_RANGE_ERROR_LEAK, "map",                                     \
	    "entries wired before one failed stay wired: mlock of several " \
	    "entries, the last over the end of its object")                 \
	X(ROTATE_NO_FIXUP, "map",                                           \
	    "a rotation does not mend the lower node: heights and gaps "    \
	    "are wrong from there on")                                      \
	X(RETRACE_STOPS, "map",                                             \
	    "a change of gaps is not carried upwards if the height stays: " \
	    "free space is not found, or found where there is none")        \
	X(GAP_STALE_INSERT, "map",                                          \
	    "a new entry does not shorten the gap below it: the next "      \
	    "mapping is placed over it")                                    \
	X(GAP_STALE_REMOVE, "map",                                          \
	    "a removed entry does not widen the gap below it: its space "   \
	    "is never given out again")                                     \
	X(REMOVE_INNER_NO_HEIGHT, "map",                                    \
	    "an entry takes the place of a removed one with its own "       \
	    "height: ancestors keep one that is gone, and lose balance")    \
	X(FIND_OFF_BY_ONE, "map",                                           \
	    "a gap counts one page more than it has: a hint into a gap "    \
	    "that is just too small gets it")                               \
	X(POPULATE_BUS_IS_EIO, "map",                                       \
	    "MADV_POPULATE says EIO where an access would be SIGBUS")       \
	/* Address spaces */                                                \
	X(HOLD_NO_REF, "space",                                             \
	    "a look at another process takes no reference: its address "    \
	    "space is freed by the looker")                                 \
	X(FORK_SHARE_NO_FLAG, "space",                                      \
	    "memory shared by inheritance is not marked so: a later fork "  \
	    "shares pages a sharer still writes to")                        \
	X(FORK_PARENT_NO_NEEDSCOPY, "space",                                \
	    "the parent's entry does not need a copy after fork: its "      \
	    "writes are seen by the child")                                 \
	X(FORK_NO_PROTECT, "space",                                         \
	    "fork leaves the parent's pages writable: its writes are seen " \
	    "by the child")                                                 \
	X(FORK_NO_OBJ_REF, "space",                                         \
	    "the child has no reference to its object: its exit frees the " \
	    "parent's")                                                     \
	X(FORK_WIRED_COW, "space",                                          \
	    "wired memory is shared by copy-on-write: the parent faults "   \
	    "on locked pages after fork")                                   \
	X(FORK_SHARER_GONE, "space",                                        \
	    "who shares memory with a parent goes while it forks: child "   \
	    "and parent both write to one page")                            \
	X(FORK_SHARED_COW, "space",                                         \
	    "memory shared with a third process is not copied at fork: "    \
	    "that one's writes are seen by the child")                      \
	X(FORK_NO_COW_NOW, "space",                                         \
	    "wired pages are not copied for the child: the parent's "       \
	    "writes to them are seen by the child")                         \
	X(FORK_NO_AMAP_REF, "space",                                        \
	    "the child has no reference to the amap: its exit frees the "   \
	    "parent's memory")                                              \
	X(FORK_ZERO_COPIES, "space",                                        \
	    "memory to be inherited as zeros is copied: the child reads "   \
	    "the parent's data")                                            \
	/* Pages and their queues */                                        \
	X(PAGE_INSERT_ERROR_LEAK, "page",                                   \
	    "a page is lost when its object cannot hold it: no memory for " \
	    "a node of the page tree")                                      \
	X(FREE_STAYS_QUEUED, "page",                                        \
	    "a freed page stays on its queue: the next owner finds it "     \
	    "there, or the daemon frees it")                                \
	X(FREE_STAYS_PENDING, "page",                                       \
	    "a freed page stays in a hart's batch of activations: it is "   \
	    "queued while free")                                            \
	X(UNBUSY_WAKES_ONE, "page",                                         \
	    "the end of I/O wakes one thread: a second one that waits for " \
	    "the page sleeps for ever")                                     \
	X(PAGE_WAIT_NOT_WANTED, "page",                                     \
	    "who waits for a busy page does not say so: nobody wakes him")  \
	X(BATCH_NO_RECHECK, "page",                                         \
	    "a page is taken out of a batch that was flushed meanwhile: "   \
	    "the active queue is cut")                                      \
	X(BATCH_FLUSH_NO_LOCK, "page",                                      \
	    "a batch is flushed while its hart adds to it: the page stays " \
	    "pending for ever")                                             \
	X(WIRE_STAYS_QUEUED, "page",                                        \
	    "a wired page stays on its queue: unwiring queues it twice")    \
	X(PUT_MARKED_ZERO, "page",                                          \
	    "a used page is put on the list of zeroed ones: fresh memory "  \
	    "shows another process's data")                                 \
	X(MAGAZINE_KEEPS_TOO, "page",                                       \
	    "pages given back to the lists stay in the magazine: they get " \
	    "two owners")                                                   \
	X(PLA_LEAVES_MAGAZINES, "page",                                     \
	    "a driver takes memory down to the reserve and magazines stay " \
	    "full: programs get the last pages, which the daemon needs")    \
	X(MAGAZINE_LOSES_ONE, "page",                                       \
	    "closing a magazine loses its first page: free memory shrinks " \
	    "each time it gets short")                                      \
	X(IDLE_ZERO_ABORTED, "page",                                        \
	    "a page whose zeroing was broken off counts as zeroed: fresh "  \
	    "memory shows old data")                                        \
	X(BUDDY_ANY_ORDER, "page",                                          \
	    "a free block merges with a neighbour of another size: pages "  \
	    "are free twice")                                               \
	X(CARVE_LOSES_REST, "page",                                         \
	    "the rest of a block that was carved up is lost: free memory "  \
	    "shrinks with each slab of several pages")                      \
	X(DAEMON_FREES_MAPPED, "daemon",                                    \
	    "a clean page is freed with its mappings: a process still "     \
	    "reaches it")                                                   \
	X(DAEMON_FREES_DIRTY, "daemon",                                     \
	    "a page is freed although its mappings modified it: what was "  \
	    "written to a mapped file is lost")                             \
	X(DAEMON_FREES_BUSY, "daemon",                                      \
	    "a busy page is freed: the fault that waits for it maps a "     \
	    "free page")                                                    \
	X(DAEMON_STEALS_LOCK, "daemon",                                     \
	    "a page is treated although its owner is locked: a fault on "   \
	    "another hart works on the same page")                          \
	X(DAEMON_SLEEPS_BLINDLY, "daemon",                                  \
	    "the daemon sleeps without looking for requests: one that "     \
	    "came during its pass is never served")                         \
	X(DAEMON_NO_RECHECK, "daemon",                                      \
	    "a page is treated after a wait for its anon's lock without "   \
	    "another look: it is free, or somebody else's, by then")        \
	X(DAEMON_IGNORES_USE, "daemon",                                     \
	    "pages that were used are paged out like others: what a "       \
	    "program works with goes to swap and comes back at once")       \
	X(DAEMON_SPARES_NONE, "daemon",                                     \
	    "the share of memory that a kind of page keeps is not "         \
	    "looked at: anonmin protects nothing")                          \
	X(DAEMON_ONLY_DRIFT, "daemon",                                      \
	    "a clean page is freed without counting that only swap "        \
	    "holds it now: swpgonly is too small for ever")                 \
	X(DAEMON_STARTS_NO_REST, "daemon",                                  \
	    "a request that is not full at the end of a scan is never "     \
	    "started: its pages stay busy")                                 \
	X(DAEMON_AGES_NO_REST, "daemon",                                    \
	    "pages that do not fill a batch become inactive without being " \
	    "aged: they count as used for what was long before")            \
	X(DAEMON_TAKES_NO_SLOTS, "daemon",                                  \
	    "swap is full of copies of what is in memory: none gives "      \
	    "way to pages that nobody uses")                                \
	X(CLEAN_WITHOUT_SLOT, "daemon",                                     \
	    "an anonymous page counts as clean that swap does not hold: "   \
	    "it is freed, and zeros or nothing come back")                  \
	/* Swap */                                                          \
	X(SWAP_CLUSTER_ERROR_LOSES, "swap",                                 \
	    "a failed read of several pages is not repeated for the one "   \
	    "that is needed: a page is lost that can be read")              \
	X(SWAP_DIRTY_KEEPS_SLOT, "swap",                                    \
	    "a page that is written to stays clean: the daemon frees "      \
	    "it, and the store is lost")                                    \
	X(SWAP_BAD_READ_ALONG, "swap",                                      \
	    "an object's page on a bad slot is read along and taken for "   \
	    "clean: it is lost a second time")                              \
	X(SWAP_RELEASE_KEEPS_SLOT, "swap",                                  \
	    "memory that is freed while it is read or written keeps its "   \
	    "slot for ever")                                                \
	X(SWAP_AOBJ_KEEPS_SLOTS, "swap",                                    \
	    "an object that goes leaves the slots of its pages behind")     \
	X(SWAP_OFF_TAKES_BUSY, "swap",                                      \
	    "emptying a device does not wait for a busy page: its slot "    \
	    "goes while it is written")                                     \
	X(SWAP_OFF_FORGETS_LOST, "swap",                                    \
	    "emptying a device forgets what it could not read: the "        \
	    "program sees zeros")                                           \
	X(KILLED_ASKS_NOT, "swap",                                          \
	    "a killed thread that cannot give up does not ask for "         \
	    "memory: it waits for ever")                                    \
	/* Anonymous objects */                                             \
	X(AOBJ_FREES_MAPPED, "aobj",                                        \
	    "a page is freed with its mappings when the object shrinks: a " \
	    "process still reaches it")                                     \
	X(AOBJ_FREES_BUSY, "aobj",                                          \
	    "shrinking does not wait for busy pages: the fault that got "   \
	    "one maps a free page")                                         \
	X(AOBJ_KEEPS_TAIL, "aobj",                                          \
	    "shrinking leaves the end of the last page: it reappears when " \
	    "the object grows again")                                       \
	X(AOBJ_GETS_BUSY, "aobj",                                           \
	    "a page another thread keeps busy is handed out: two threads "  \
	    "end its I/O")                                                  \
	X(AOBJ_FLUSH_FREES_SHARED, "aobj",                                  \
	    "freeing a range forgets other users of the object: they read " \
	    "zeros")                                                        \
	X(AOBJ_PUNCH_KEEPS_SLOTS, "aobj",                                   \
	    "a hole punched into memory that is in swap: the old "          \
	    "contents come back")                                           \
	X(AOBJ_PUNCH_ONE_MORE, "aobj",                                      \
	    "a hole takes the page behind it along")                        \
	/* Swap: slots and devices */                                       \
	X(SWAP_INUSE_DRIFT, "swap",                                         \
	    "swpginuse is not lowered when a slot is freed")                \
	X(SWAP_ONLY_DRIFT, "swap",                                          \
	    "swpgonly is not lowered when a page is read back")             \
	X(PAGING_DRIFT, "swap",                                             \
	    "a finished pageout still counts as under way: the daemon "     \
	    "thinks that memory is about to come free")                     \
	X(SWAP_SLOT_LOST, "swap",                                           \
	    "a freed slot is counted, but never given out again")           \
	X(SWAP_BAD_REUSED, "swap",                                          \
	    "a slot that cannot be written is given out again")             \
	X(SWAP_NO_PRIORITY, "swap",                                         \
	    "the priority of devices is ignored: the newest one is used "   \
	    "first")                                                        \
	X(SWAP_NO_ROTATE, "swap",                                           \
	    "devices of one priority are filled one after the other")       \
	X(SWAP_WHOLE_RUNS_ONLY, "swap",                                     \
	    "only whole clusters are given out: on a scattered device "     \
	    "nothing is written though slots are free")                     \
	X(SWAP_FAILED_STAYS_ON, "swap",                                     \
	    "a device that cannot be written is announced as given up, "    \
	    "but goes on being used")                                       \
	X(SWAP_FAILURES_ADD_UP, "swap",                                     \
	    "single failures are counted over all times: a good device "    \
	    "with some bad spots is given up")                              \
	X(SWAP_ANY_NEIGHBOUR, "swap",                                       \
	    "pages of other processes are read along with one: their "      \
	    "anons change without their lock")                              \
	X(SWAPOFF_STAYS_ON, "swap",                                         \
	    "a device that is being emptied gives out slots: it is "        \
	    "never empty, or goes with pages on it")                        \
	X(SWAPOFF_NO_ROOM_CHECK, "swap",                                    \
	    "swapoff begins although what it brings in fits nowhere: it "   \
	    "stops halfway, out of memory")                                 \
	X(SWAPOFF_IMPATIENT, "swap",                                        \
	    "swapoff fails when memory is short for a moment, although "    \
	    "pages of files would make room")                               \
	X(SWAPOFF_FORGETS_OBJECT, "swap",                                   \
	    "swapoff leaves what shared memory has on the device")          \
	X(SWAPOFF_ONE_PASS, "swap",                                         \
	    "swapoff does not look again for pages that were under way "    \
	    "to the device: they are lost with it")                         \
	X(SWAPOFF_KEEPS_RELEASED, "swap",                                   \
	    "swapoff reads a page whose process dies meanwhile: the "       \
	    "anon is never freed")                                          \
	X(SWAP_KEY_STAYS, "swap",                                           \
	    "the key of freed slots stays: who reads memory later can "     \
	    "read what the disk still holds")                               \
	X(SWAP_NONCE_REUSED, "swap",                                        \
	    "a slot is encrypted with the same key stream each time: "      \
	    "two contents of it tell their difference")                     \
	X(SWAP_NONCE_SHARED, "swap",                                        \
	    "all slots of a section have one key stream")                   \
	X(SWAPON_PRIORITY_AS_IS, "swap",                                    \
	    "swapon takes its priority for ours: what should be used "      \
	    "last is used first")                                           \
	X(SWAPCTL_ORDER_STAYS, "swap",                                      \
	    "a device gets another priority and is used in the old "        \
	    "order")                                                        \
	X(SWAP_BOOT_FIRST_ONLY, "swap",                                     \
	    "of the devices of the boot option only the first is used")     \
	/* Swap: pages on their way */                                      \
	X(SWAPIO_NO_WAKEUP, "swap",                                         \
	    "a request that comes back wakes nobody: who waits for one "    \
	    "sleeps for ever")                                              \
	X(SWAP_READ_NO_ERROR, "swap",                                       \
	    "an error of a swap-in is ignored: the page holds garbage")     \
	X(SWAP_READ_WRONG_SLOT, "swap",                                     \
	    "a page that was read alone is decrypted as the first of "      \
	    "its cluster")                                                  \
	X(SWAP_LOST_STAYS_GOOD, "swap",                                     \
	    "a slot that could not be read is tried again: what a "         \
	    "program lost appears again later")                             \
	X(SWAP_REWRITE_MISPLACED, "swap",                                   \
	    "after an error each page of a cluster is written to the "      \
	    "place of the first")                                           \
	X(SWAP_UNWRITTEN_STAYS_GOOD, "swap",                                \
	    "a slot that could not be written is not retired")              \
	X(PAGEOUT_STAYS_MAPPED, "swap",                                     \
	    "pages are written while programs still have them mapped: "     \
	    "what is stored meanwhile is lost")                             \
	X(PAGEOUT_STAYS_MODIFIED, "swap",                                   \
	    "a page that was written still counts as modified: it is "      \
	    "written again unchanged")                                      \
	X(PAGEOUT_WAITS_NOT, "swap",                                        \
	    "MADV_PAGEOUT returns before its pages are out")                \
	X(PAGEOUT_ONE_CLUSTER, "swap",                                      \
	    "MADV_PAGEOUT ends with the first cluster")                     \
	X(PAGEOUT_REST_LEAK, "swap",                                        \
	    "slots allocated for a cluster that did not get full are "      \
	    "never freed")                                                  \
	X(PAGEOUT_NO_ERROR, "swap",                                         \
	    "an error of a pageout is ignored: the page is freed and "      \
	    "its contents are lost")                                        \
	X(PAGEOUT_ERROR_KEEPS_SLOT, "swap",                                 \
	    "a page that could not be written counts as clean: it is "      \
	    "freed without being written")                                  \
	X(PAGEOUT_ERROR_STAYS_BUSY, "swap",                                 \
	    "a page that could not be written stays busy for ever")         \
	X(PAGEOUT_FREES_WANTED, "swap",                                     \
	    "a page that somebody waits for is freed when it is "           \
	    "written, and has to be read again")                            \
	X(PAGEOUT_KEEPS_RELEASED, "swap",                                   \
	    "a page whose owner gave it up during the pageout is kept: "    \
	    "its owner waits for ever, or is never freed")                  \
	X(SWAPIN_KEEPS_RELEASED, "swap",                                    \
	    "a page unmapped while it is read is mapped nevertheless, "     \
	    "and its anon is never freed")                                  \
	X(SWAPIN_KEEPS_UNREAD, "swap",                                      \
	    "a neighbour that could not be read counts as read: its "       \
	    "page holds garbage")                                           \
	X(SWAPIN_LOST_IS_FOUND, "swap",                                     \
	    "what went with a device is read from no slot")                 \
	X(WRITE_KEEPS_SLOT, "swap",                                         \
	    "a page that is written to keeps its slot, whose contents "     \
	    "are outdated: swap fills up")                                  \
	X(AOBJ_ONLY_DRIFT, "aobj",                                          \
	    "freeing an object's slot does not lower swpgonly")             \
	X(AOBJ_FORGETS_SWAP, "aobj",                                        \
	    "a page of shared memory that is in swap is made anew: what "   \
	    "it held is lost")                                              \
	X(AOBJ_SHRINK_KEEPS_SLOTS, "aobj",                                  \
	    "shrinking leaves slots behind the end: old contents "          \
	    "reappear when the object grows")                               \
	X(AOBJ_TAIL_IN_SWAP, "aobj",                                        \
	    "shrinking does not bring in the last page: its end "           \
	    "reappears when the object grows")                              \
	X(AOBJ_READS_ANY_SLOT, "aobj",                                      \
	    "neighbours of a page are read from where they would be if "    \
	    "they lay beside it in swap")                                   \
	X(AOBJ_KEEPS_UNREAD, "aobj",                                        \
	    "a neighbour that could not be read is kept: it holds "         \
	    "garbage")                                                      \
	/* Swap: stacks of threads */                                       \
	X(SWAPOUT_STAYS_MAPPED, "swap",                                     \
	    "the stack of a thread that was swapped out stays mapped: it "  \
	    "seems to be in use, and never goes to the disk")               \
	X(SWAPOUT_STAYS_WIRED, "swap",                                      \
	    "the u-area of a thread that was swapped out stays wired: "     \
	    "nothing is gained")                                            \
	X(SWAPOUT_HELD_STACK, "swap",                                       \
	    "a thread is swapped out although others use what lies on "     \
	    "its stack: they find other contents, or none")                 \
	X(SWAPPER_SLEEPS_BLINDLY, "swap",                                   \
	    "process zero sleeps without looking for requests: one that "   \
	    "came while it was busy is never heard")                        \
	/* Files */                                                         \
	X(UVN_NO_VREF, "uvn",                                               \
	    "an object in use holds no reference to its vnode: a file "     \
	    "that is only mapped goes away")                                \
	X(UVN_WRITER_UNLISTED, "uvn",                                       \
	    "a file attached for writing is not on the list: sync does "    \
	    "not write what was stored through a mapping")                  \
	X(UVN_SYNC_ALL_MOUNTS, "uvn",                                       \
	    "sync of one file system writes the files of all")              \
	X(UVN_SYNC_SKIPS_BUSY, "uvn",                                       \
	    "fsync does not wait for pages that are being written")         \
	X(UVN_UNCACHE_FORGETS, "uvn",                                       \
	    "a file in use that was to be forgotten keeps its pages after " \
	    "the last reference")                                           \
	X(UVN_UNCACHE_ONCE, "uvn",                                          \
	    "somebody attaches while a file to be forgotten is written:"    \
	    " its pages stay after he has gone")                            \
	X(UVN_SIZE_FORGOTTEN, "uvn",                                        \
	    "a size set before the attributes could be read is not "        \
	    "kept: faults behind the end succeed")                          \
	X(UVN_FLUSH_UNMAPS_HELD, "uvn",                                     \
	    "pages that are wired or lent lose their mappings in a "        \
	    "flush")                                                        \
	X(UVN_TERMINATE_DROPS, "uvn",                                       \
	    "a vnode goes away and its dirty pages are not written")        \
	X(UVN_GROW_KEEPS_TAIL, "uvn",                                       \
	    "what was stored behind the end of a file becomes part of it "  \
	    "when it grows")                                                \
	X(UVN_SHRINK_KEEPS_TAIL, "uvn",                                     \
	    "the last page of a file that was truncated still shows what "  \
	    "was behind")                                                   \
	X(UVN_FREES_BUSY, "uvn",                                            \
	    "truncation frees a page that is being read or written")        \
	X(UVN_TEXT_UNCOUNTED, "uvn",                                        \
	    "pages of a file that becomes text are not counted over")       \
	X(UVN_PAGES_DRIFT, "uvn",                                           \
	    "a page that leaves its file is counted as one of it for ever") \
	X(UVN_ERROR_TWICE, "uvn",                                           \
	    "an error of a write is reported by each msync that follows")   \
	X(UVN_ERROR_TAKEN, "uvn",                                           \
	    "an fsync that could not write says that all is well if "       \
	    "another one was told of it meanwhile")                         \
	X(EXT2_SYNC_FORGETS_DATA, "ext2",                                   \
	    "a sync of everything says that all is well, though data "      \
	    "could not be written, since the inode has been copied")        \
	X(UVN_SEES_NO_SEQUENCE, "uvn",                                      \
	    "a sequential reader gets no more at once than others")         \
	X(UVN_READ_ERROR_STAYS, "uvn",                                      \
	    "a page that could not be read stays, with any contents")       \
	X(OBJ_MAPS_BUSY, "fault",                                           \
	    "a neighbour that is just being read is mapped")                \
	X(AHEAD_TAKES_ALL_MEMORY, "uvn",                                    \
	    "read-ahead begins though memory is short")                     \
	X(AHEAD_BEYOND_END, "uvn",                                          \
	    "read-ahead goes on behind the end of the file")                \
	X(AHEAD_NOT_BY_FAULTS, "uvn",                                       \
	    "a program that goes through a mapping waits for each read")    \
	X(AHEAD_ERROR_STAYS, "uvn",                                         \
	    "a page whose read-ahead failed stays, with any contents")      \
	X(AHEAD_KEEPS_TAIL, "uvn",                                          \
	    "the last page shows what the disk has behind the end of the "  \
	    "file")                                                         \
	X(UVN_UNBEGUN_CLEAN, "uvn",                                         \
	    "pages of a write that was cut short count as written")         \
	X(FADVISE_KEEPS, "uvn",                                             \
	    "what a program will not need any more stays in memory")        \
	X(UVN_HOLE_UNALLOCATED, "uvn",                                      \
	    "a page of a hole is written to without a place on the disk: "  \
	    "a full file system shows too late")                            \
	X(UVN_HOLE_WRITABLE, "uvn",                                         \
	    "a page of a hole is mapped writable by a read: stores to it "  \
	    "have no place on the disk")                                    \
	X(UVN_WRITE_STAYS_MODIFIED, "uvn",                                  \
	    "a page that was written counts as modified still")             \
	X(UVN_CLEANED_LATE, "uvn",                                          \
	    "pages become clean after they were written, not before: a "    \
	    "store in between is never written")                            \
	X(UVN_WRITE_ERROR_DROPS, "uvn",                                     \
	    "a page that could not be written counts as clean: its "        \
	    "contents are lost")                                            \
	X(UVN_INVALIDATE_DROPS, "uvn",                                      \
	    "what could not be written is dropped when the page is to go")  \
	X(UVN_COPIED_CLEAN, "uvn",                                          \
	    "a page that was on its way to the disk while write(2) copied " \
	    "to it counts as clean")                                        \
	X(UVN_WHOLE_PAGE_READ, "uvn",                                       \
	    "a page that is overwritten as a whole is read first")          \
	X(UVN_PIN_DIRTIES, "uvn",                                           \
	    "a page of a file that is read by read(2) is written to it "    \
	    "afterwards")                                                   \
	X(UVN_NO_PATIENCE, "uvn",                                           \
	    "a file that cannot be written is tried again at once: the "    \
	    "page daemon and the writer keep each other busy for ever")     \
	X(DAEMON_SPARES_BY_STALE, "daemon",                                 \
	    "the daemon goes by what there was when the scan began: a "     \
	    "long one takes all pages of a file, minimum or not")           \
	X(UVN_MAPPED_UNCOUNTED, "uvn",                                      \
	    "a page of a file is mapped writable by a read: what is "       \
	    "stored to it is not counted as dirty, and gets no age")        \
	X(UVN_CLEAN_WRITABLE, "uvn",                                        \
	    "a page that was written stays writable: the next store to "    \
	    "it is not counted, and gets no age")                           \
	X(UVN_DIRTY_DRIFTS, "uvn",                                          \
	    "a page that was written counts as dirty for ever")             \
	X(UVN_AGES_NEVER, "uvn",                                            \
	    "nobody notes since when a file is dirty: it is not written "   \
	    "until somebody asks")                                          \
	X(UVN_COUNTS_IN_VAIN, "uvn",                                        \
	    "any number of pages may be dirty before somebody writes them") \
	X(UVN_THROTTLES_NOBODY, "uvn",                                      \
	    "who writes faster than the disk does not wait for it")         \
	X(UVN_STUCK_WAITED_FOR, "uvn",                                      \
	    "who writes waits until pages are clean that cannot be")        \
	X(UVN_FETCHES_NOTHING, "uvn",                                       \
	    "MADV_WILLNEED of a file reads nothing: each page is still "    \
	    "read by the fault that needs it")                              \
	X(UVN_PAGEOUT_KEEPS_DIRTY, "uvn",                                   \
	    "MADV_PAGEOUT leaves dirty pages of files in memory")           \
	X(UVN_WRITER_ALLOCATES, "uvn",                                      \
	    "who writes dirty pages so that they may be freed waits for "   \
	    "memory first")                                                 \
	X(UVN_DAEMON_WRITES_NOT, "uvn",                                     \
	    "the page daemon does not have dirty pages of files written")   \
	/* Devices */                                                       \
	X(UDV_FOUND_UNCOUNTED, "udv",                                       \
	    "a device that is attached again is not referenced: the "       \
	    "first unmap takes it from the second mapping")                 \
	X(UDV_FORK_UNCOUNTED, "udv",                                        \
	    "a mapping of a device that is cloned does not count: the "     \
	    "child's goes with the parent's")                               \
	X(UDV_GONE_IS_FOUND, "udv",                                         \
	    "a device's object stays listed when it is freed: who "         \
	    "attaches next uses freed memory")                              \
	X(UDV_ASKS_FIRST_PAGE, "udv",                                       \
	    "only the first page of a range is asked for: the end of a "    \
	    "device's registers runs into what may not be mapped")          \
	X(UDV_IGNORES_OFFSET, "udv",                                        \
	    "a fault maps pages as if the mapping began at the start of"    \
	    " the device")                                                  \
	X(UDV_PRIVATE_WRITES, "udv",                                        \
	    "a private mapping of a device writes to the device")           \
	X(UDV_IGNORES_PROT, "udv",                                          \
	    "a fault maps all rights, whatever the mapping has: a "         \
	    "read-only one writes to registers")                            \
	X(UDV_WIRES_NOT, "udv",                                             \
	    "a wired page of a device is mapped like another: unwiring "    \
	    "finds it not wired")                                           \
	X(UDV_NOMEM_FAILS, "udv",                                           \
	    "a fault that finds no memory for a page table is an error "    \
	    "of the access")                                                \
	/* Requests to disks */                                             \
	X(BIODONE_UNLOCKED, "bio",                                          \
	    "a request is done without the lock of its waiter: the "        \
	    "wakeup comes between his look and his sleep")                  \
	X(BIOWAIT_NO_ERROR, "bio",                                          \
	    "who waits for a request is not told that it failed")           \
	X(BIO_ERRORS_UNCOUNTED, "bio", "errors of a disk are not counted")  \
	X(BUF_JOINS_ANY, "bio",                                             \
	    "pieces of memory that do not lie side by side become one "     \
	    "segment")                                                      \
	X(DISK_PAST_END, "bio",                                             \
	    "a request that ends behind the partition is let through")      \
	X(DISK_NO_START, "bio",                                             \
	    "requests to a partition go to the start of the disk")          \
	X(DISK_WHOLE_NOT_TAKEN, "bio",                                      \
	    "a partition is given out exclusively while the whole disk "    \
	    "is")                                                           \
	X(DISK_GONE_IS_ASKED, "bio",                                        \
	    "a disk that is gone is asked all the same")                    \
	/* Sysctl */                                                        \
	X(METER_PAGE_IS_DISK, "sysctl",                                     \
	    "a thread that waits for a busy page counts as one that waits " \
	    "for a disk")                                                   \
	X(SYSCTL_DIRTY_ANY, "sysctl",                                       \
	    "limits of dirty pages may be set to what makes no sense")      \
	/* Out of memory */                                                 \
	X(OOM_IGNORES_SWAP, "oom",                                          \
	    "what a process has in swap does not count: the largest one "   \
	    "lives")                                                        \
	X(OOM_SPARES_NOBODY, "oom",                                         \
	    "the kernel's own process and init may be chosen")              \
	X(OOM_NO_PATIENCE, "oom",                                           \
	    "the next victim is chosen before the first had time to end")   \
	X(OOM_TAKES_LAST, "oom",                                            \
	    "the victim is the last one looked at, not the largest")        \
	X(OOM_BUSY_IS_NOBODY, "oom",                                        \
	    "a lock that is busy means nobody can be killed: who asked "    \
	    "dies instead")                                                 \
	/* Pools */                                                         \
	X(POOL_ITEM_TWICE, "pool",                                          \
	    "items taken off a slab's free list stay on it: two owners "    \
	    "write to one item")                                            \
	X(POOL_ITEM_LOST, "pool",                                           \
	    "an item put into a full stock is lost: items in use never "    \
	    "return to zero")                                               \
	X(POOL_FREES_USED_SLAB, "pool",                                     \
	    "a slab with one item in use is freed: its page is given out "  \
	    "under the item's owner")                                       \
	/* Names and mounts */                                              \
	X(NC_KEEPS_REMOVED, "vfs",                                          \
	    "a name that is made or removed stays cached as it was: a "     \
	    "file that is gone is found")                                   \
	X(NC_ENTERED_LATE, "vfs",                                           \
	    "what was found is cached when the directory is unlocked: "     \
	    "removed in between, it is found for ever")                     \
	X(NC_EXCHANGE_STALE, "vfs",                                         \
	    "an exchange leaves both names cached: each leads to what the " \
	    "other one does")                                               \
	X(NC_REF_LOST, "vfs",                                               \
	    "an entry that goes keeps its reference to the directory: a "   \
	    "mount is busy for ever")                                       \
	X(MNT_BUSY_NEVER, "vfs", "a mount whose vnodes are in use is unmounted")

#define MUTANT_ENUM(name, subsystem, text) MUT_##name,
enum mutant { MUT_NONE, MUTANTS(MUTANT_ENUM) MUT_COUNT };
#undef MUTANT_ENUM

#ifdef SIM_MUTANTS
extern int mutant_on; /* [set once, before the code under test runs] */
#define MUTANT(name) __builtin_expect(mutant_on == MUT_##name, 0)
#else
#define MUTANT(name) (0 * MUT_##name) /* so that the name must exist */
#endif

#endif
