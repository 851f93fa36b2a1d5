/*
 * standard - the descriptors 0, 1 and 2 of a program that anybody starts
 *
 * Runs in:  master, posternctl; and sendmail, before anything is opened
 * Owns:     nothing: they stay open
 * Promise:  no file that the program opens has one of these numbers
 * Fails by: -1 and errno
 */
#include "common/base/standard.h"

#include <fcntl.h>
#include <unistd.h>

int
standard_open(void)
{
	int fd;

	/* the lowest number that is free, each time */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	return fd == -1 ? -1 : close(fd);
}
