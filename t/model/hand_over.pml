/*
 * hand_over - who is answerable for a message: from the client's last byte to the host, the report or the next life
 *
 * One message with RECIPIENTS recipients. Every step of a process is one that a crash of that process, a crash of
 * another one or a power cut can come before and after. What is written is volatile until it is synced; the kernel
 * may write any of it to the disk at any time and in any order, as file systems do.
 *
 *   pickup   with the listener in front: writes the file, names it, answers the client
 *   deliver  sends, marks, notes, reports, removes
 *   kernel   writes back what it likes; cuts the power
 *
 * Two ways to acknowledge (ACKNOWLEDGE_SAFE): `stored`, 250 after file and name are on disk; `safe`, the unnamed
 * file is offered to deliver, and 250 comes when the next hop has it or it is on disk, whichever is first.
 *
 * BREAK is an order that is wrong on purpose: the check has to find it (t/crash/model.py has the list).
 */
#ifndef RECIPIENTS
#define RECIPIENTS 2
#endif
#ifndef ACKNOWLEDGE_SAFE
#define ACKNOWLEDGE_SAFE 0
#endif
#ifndef BATCH			/* 1: no file is synced; the folder's sync carries what was written out (commit_way.c) */
#define BATCH 0
#endif
#ifndef BREAK
#define BREAK 0
#endif
#ifndef CRASHES			/* of processes, all together */
#define CRASHES 2
#endif
#ifndef CUTS			/* of the power */
#define CUTS 1
#endif
#ifndef TROUBLE			/* answers of hosts that settle nothing: later, or the connection is lost */
#define TROUBLE 2
#endif

mtype = { PENDING, DELIVERED, FAILED, REPORTED };	/* the mark of a recipient, as in common/mail/message.h */
mtype = { NOTHING, TAKEN, REFUSED };			/* what deliver heard; it is in its memory only */
mtype = { WAITS, HEARD_250, HEARD_5XX, HEARD_4XX, GONE };	/* the client */
mtype = { OFFER, STORED, SETTLED, ALL_TAKEN, ALL_REFUSED, ALL_LATER, CLOSED };	/* between pickup and deliver */

/* What is written, and what of it is on disk. A name is that in queue/; the drafts in new/ have no other use. */
bool data_mem, data_disk, name_mem, name_disk;
mtype mark_mem[RECIPIENTS] = PENDING, mark_disk[RECIPIENTS] = PENDING;
bool note_mem[RECIPIENTS], note_disk[RECIPIENTS];
#if BATCH
bool data_out;			/* the device has it, in a cache that goes with the power */
mtype mark_out[RECIPIENTS] = PENDING;
#endif
/* A report is a message of its own: commits of messages are what is checked here, so it is on disk at once. */
bool report[RECIPIENTS];

/* The world outside. */
byte host_took[RECIPIENTS];
mtype client = WAITS;

/* A process that crashed loses its memory, and its channels are closed. */
bool pickup_dies, deliver_dies;
byte crashes = CRASHES, cuts = CUTS, trouble = TROUBLE;

/* CLOSED: the other end is closed. What was sent before it is still read. */
chan to_deliver = [4] of { mtype };
chan to_pickup = [2] of { mtype };
bool was_named;			/* it has been in the queue */
byte i_k;

/* --- the two promises --- */

#if RECIPIENTS == 1
#define EACH(what) what(0)
#define SOME(what) what(0)
#else
#define EACH(what) (what(0) && what(1))
#define SOME(what) (what(0) || what(1))
#endif

/* On disk, with a mark that brings it to a host or into a report again; or out of our hands. */
#define ON_DISK(r) (data_disk && name_disk && (mark_disk[r] == PENDING || (mark_disk[r] == FAILED && note_disk[r])))
#define IN_HANDS(r) (host_took[r] > 0 || report[r] || ON_DISK(r))

active proctype never_lost()
{
end:	atomic { client == HEARD_250 && !EACH(IN_HANDS) -> assert(false) }
}

/* When nothing moves any more: what was accepted is with its host, or its sender knows. */
#define SETTLED_FOR(r) (host_took[r] > 0 || report[r])

active proctype told_in_the_end()
{
end:	timeout -> assert(client != HEARD_250 || EACH(SETTLED_FOR))
}

/* --- pickup: a life of it, after which the next one finds what is there --- */

inline answer(what) {
	atomic { if :: client == WAITS -> client = what :: else fi }
}

inline sync_data() {		/* the marks are in the file */
	atomic {
		data_disk = data_mem; i_k = 0;
		do
		:: i_k < RECIPIENTS -> mark_disk[i_k] = mark_mem[i_k]; i_k++
		:: else -> i_k = 0; break
		od
	}
}

#if BATCH
inline write_out() {
	atomic {
		data_out = data_mem; i_k = 0;
		do
		:: i_k < RECIPIENTS -> mark_out[i_k] = mark_mem[i_k]; i_k++
		:: else -> i_k = 0; break
		od
	}
}

/* The commit of the journal empties the cache of the device first. */
inline sync_folder() {
	atomic {
		name_disk = name_mem; i_k = 0;
		if
		:: data_out -> data_disk = true;
			do
			:: i_k < RECIPIENTS ->
				if :: mark_disk[i_k] == PENDING -> mark_disk[i_k] = mark_out[i_k] :: else fi;
				i_k++
			:: else -> i_k = 0; break
			od
		:: else
		fi
	}
}
#else
inline write_out() { sync_data() }
inline sync_folder() { name_disk = name_mem }
#endif

inline name_it() { atomic { name_mem = true; was_named = true } }

/* Every recipient's host took it while it was being stored: the client need not wait for the disk. */
inline may_hear() {
	if
	:: atomic { offered && to_pickup?[ALL_TAKEN] -> to_pickup?ALL_TAKEN } -> answer(HEARD_250)
	:: skip
	fi
}

/* File and name on disk, then 250. */
inline store() {
#if BREAK == 1		/* 250 before the name is on disk */
	sync_data();
	name_it();
	answer(HEARD_250);
	name_disk = name_mem
#elif BREAK == 2	/* 250 before the data are on disk */
	name_it();
	name_disk = name_mem;
	answer(HEARD_250);
	sync_data()
#elif BREAK == 10	/* the file was not waited for */
	name_it();
	sync_folder();
	answer(HEARD_250)
#elif BREAK == 11	/* 250 when the batch is named */
	write_out();
	name_it();
	answer(HEARD_250);
	sync_folder()
#else
	write_out();
	may_hear();
	name_it();
	may_hear();
	sync_folder();
	answer(HEARD_250)
#endif
}

proctype pickup()
{
	bool offered;

life:	{
		offered = false;
		if
		:: client == WAITS && !was_named -> data_mem = true
		/* asked again under the same id, after the end of the process that named it */
		:: client == WAITS && name_mem -> sync_folder(); answer(HEARD_250); goto rest
		/* it was sent and removed: written anew, it would be another message. Not in this model */
		:: client == WAITS && was_named && !name_mem -> client = GONE; goto rest
		:: client != WAITS -> goto rest
		fi;
		if
		:: ACKNOWLEDGE_SAFE -> atomic { nfull(to_deliver) -> to_deliver!OFFER; offered = true };
#if BREAK == 9		/* 250 when it is offered */
			answer(HEARD_250)
#endif
		:: skip			/* deliver is busy or away */
		fi;
		if
		:: atomic { offered && to_pickup?[ALL_TAKEN] -> to_pickup?ALL_TAKEN } ->
			answer(HEARD_250);
			to_deliver!SETTLED;
			data_mem = false
		:: atomic { offered && to_pickup?[ALL_REFUSED] -> to_pickup?ALL_REFUSED } ->
			answer(HEARD_5XX);
			to_deliver!SETTLED;
			data_mem = false
		:: atomic { offered && to_pickup?[ALL_LATER] -> to_pickup?ALL_LATER } ->
			answer(HEARD_4XX);
			to_deliver!SETTLED;
			data_mem = false
		:: skip ->		/* its time is over: it is stored */
			store();
			if
			:: offered -> to_deliver!STORED
			:: else
			fi
		fi;
rest:
end:		(false)
	}
	unless { pickup_dies };
	atomic {
		if
		:: client == WAITS -> client = GONE	/* the listener ended, too: the client has heard nothing */
		:: skip
		fi;
		if
		:: !name_mem -> data_mem = false	/* a draft without its writer is removed */
		:: else
		fi;
		do
		:: to_pickup?_
		:: empty(to_pickup) -> break
		od;
		if
		:: nfull(to_deliver) -> to_deliver!CLOSED
		:: full(to_deliver)
		fi;
		pickup_dies = false
	}
	goto life
}

/* --- deliver --- */

inline send(r) {
	if
	:: atomic { host_took[r] < 2 -> host_took[r]++ };
		if
		:: heard[r] = TAKEN
		:: atomic { trouble > 0 -> trouble-- }		/* its 2xx was lost on the way */
		fi
	:: heard[r] = REFUSED
	:: atomic { trouble > 0 -> trouble-- }			/* 4xx, or no connection */
	fi
}

/* One step further with a recipient of a file in the queue. */
inline settle(r) {
	if
	:: mark_mem[r] == PENDING && heard[r] == NOTHING -> send(r)
	:: mark_mem[r] == PENDING && heard[r] == TAKEN -> mark_mem[r] = DELIVERED
	:: mark_mem[r] == PENDING && heard[r] == REFUSED ->
#if BREAK == 3		/* marked as failed before the note is on disk */
		mark_mem[r] = FAILED;
		sync_data();
		note_mem[r] = true;
		note_disk[r] = note_mem[r]
#else
		note_mem[r] = true;
		note_disk[r] = note_mem[r];
		mark_mem[r] = FAILED;
		sync_data()
#endif
	:: mark_mem[r] == FAILED && note_mem[r] ->
#if BREAK == 4		/* marked as reported before the report is on disk */
		mark_mem[r] = REPORTED;
		sync_data();
		report[r] = true
#else
		report[r] = true;
		mark_mem[r] = REPORTED
#endif
	:: else
	fi
}

/* Something is still to be done for it. */
#if BREAK == 8		/* a note that was left is not looked at again */
#define OPEN(r) (mark_mem[r] == PENDING)
#else
#define OPEN(r) (mark_mem[r] == PENDING || mark_mem[r] == FAILED)
#endif
#define ENDED(r) (mark_mem[r] == DELIVERED || mark_mem[r] == REPORTED)
#define HEARD_TAKEN(r) (heard[r] == TAKEN)
#define HEARD_REFUSED(r) (heard[r] == REFUSED)
#define HEARD_NOTHING(r) (heard[r] == NOTHING)
#define MAY_TELL (offer && !told && nfull(to_pickup) && !(to_deliver??[CLOSED]))

proctype deliver()
{
	mtype heard[RECIPIENTS] = NOTHING;
	/* An unnamed file is in hand; pickup has our answer. */
	bool offer, told;
	byte r;

life:	{
		offer = false; told = false; r = 0;
end:		do
		/* A file in the queue: a hint tells of it, or the scan. Not while pickup has still to say its word. */
		:: name_mem && !offer && (SOME(OPEN) || EACH(ENDED)) ->
			do
			:: r < RECIPIENTS && name_mem ->
				if
				:: OPEN(r) -> settle(r)
				:: else
				fi;
				r++
			:: else -> r = 0; break
			od;
			if
#if BREAK == 5		/* removed when all were tried */
			:: name_mem -> name_mem = false
#else
			:: name_mem && EACH(ENDED) -> name_mem = false
#endif
			:: else
			fi
		:: atomic { !offer && to_deliver?[OFFER] -> to_deliver?OFFER } ->
			if
			:: !was_named -> offer = true; told = false
			:: else		/* it is in the queue by now: the other way */
			fi;
			/* Tried once. What a host took is marked in the file, whatever becomes of it. */
			do
			:: offer && r < RECIPIENTS ->
				send(r);
				if
				:: heard[r] == TAKEN -> mark_mem[r] = DELIVERED
				:: else
				fi;
				r++
			:: else -> r = 0; break
			od
		:: atomic { MAY_TELL && EACH(HEARD_TAKEN) -> to_pickup!ALL_TAKEN; told = true }
#if BREAK == 6		/* told as taken when one recipient is */
		:: atomic { MAY_TELL && heard[0] == TAKEN -> to_pickup!ALL_TAKEN; told = true }
#endif
		/* Nothing is noted or reported: the client hears it, unless pickup has stored the message already. */
		:: atomic { MAY_TELL && EACH(HEARD_REFUSED) -> to_pickup!ALL_REFUSED; told = true }
		/* One 4xx for all. It may be that a 2xx was lost: then the client sends again. */
		:: atomic { MAY_TELL && EACH(HEARD_NOTHING) -> to_pickup!ALL_LATER; told = true }
#if BREAK == 7		/* what pickup was told counts as told to the client */
		:: atomic { offer && to_deliver?[STORED] -> to_deliver?STORED } ->
			if
			:: told -> name_mem = false
			:: else
			fi;
			offer = false
#else
		:: atomic { offer && to_deliver?[STORED] -> to_deliver?STORED } -> offer = false		/* what was heard stays known */
#endif
		:: atomic { offer && to_deliver?[SETTLED] -> to_deliver?SETTLED } -> offer = false
		/* Stored or not, that is seen in the queue. */
		:: atomic { offer && to_deliver?[CLOSED] -> to_deliver?CLOSED } -> offer = false
		:: atomic { !offer && to_deliver?[STORED] -> to_deliver?STORED }
		:: atomic { !offer && to_deliver?[SETTLED] -> to_deliver?SETTLED }
		:: atomic { !offer && to_deliver?[CLOSED] -> to_deliver?CLOSED }
		od
	}
	unless { deliver_dies };
	atomic {
		do
		:: r < RECIPIENTS -> heard[r] = NOTHING; r++
		:: else -> r = 0; break
		od;
		do
		:: to_deliver?_
		:: empty(to_deliver) -> break
		od;
		deliver_dies = false
	}
	goto life
}

/* --- the kernel: writes back what it likes, in any order; and all that ends processes --- */

inline cut_power() {
#if BATCH
	data_out = false;
#endif
	data_mem = data_disk; name_mem = name_disk; i_k = 0;
	do
	:: i_k < RECIPIENTS -> mark_mem[i_k] = mark_disk[i_k]; note_mem[i_k] = note_disk[i_k]; i_k++
	:: else -> i_k = 0; break
	od;
	pickup_dies = true; deliver_dies = true;
	if :: client == WAITS -> client = GONE :: else fi
}

active proctype kernel()
{
	atomic { run pickup(); run deliver() };
end:	do
	:: data_disk != data_mem -> data_disk = data_mem
	:: name_disk != name_mem -> name_disk = name_mem
	:: mark_disk[0] != mark_mem[0] -> mark_disk[0] = mark_mem[0]
	:: note_disk[0] != note_mem[0] -> note_disk[0] = note_mem[0]
#if RECIPIENTS > 1
	:: mark_disk[1] != mark_mem[1] -> mark_disk[1] = mark_mem[1]
	:: note_disk[1] != note_mem[1] -> note_disk[1] = note_mem[1]
#endif
	/* kill -9; the master starts it again */
	:: atomic { crashes > 0 && !pickup_dies -> crashes--; pickup_dies = true }
	:: atomic { crashes > 0 && !deliver_dies -> crashes--; deliver_dies = true }
	:: atomic { cuts > 0 && !pickup_dies && !deliver_dies -> cuts--; cut_power() }
	/* or nothing of that happens any more */
	:: atomic { crashes > 0 || cuts > 0 -> crashes = 0; cuts = 0 }
	od
}
