/* What the programs keep is their own user's alone, whatever the umask that they were started with and the mode of the
 * folders that they were given. */
#ifndef TERCET_BASE_OWNER_ONLY_H
#define TERCET_BASE_OWNER_ONLY_H

/* Everything that this process creates from now on has no permissions for others, RocksDB's files too. */
void owner_only_files(void);
/* Takes the permissions of group and others from a data directory, so that nothing below it can be reached, and logs
 * it. One of another owner is left as it is, which is logged as an error. */
void owner_only_directory(int fd, const char *path);

#endif
