# Puts spendsync-backup in place of what PostgreSQL's tests use: `wal push` of cp in archive_command, `wal get` of cp in
# restore_command. (pg_basebackup's place is taken by bin/pg_basebackup.) Loaded before each test by tests/peers/run,
# which sets SSB_PROGRAM; replaces methods of PostgreSQL's own PostgreSQL::Test::Cluster and changes no file of it.
#
# A server (a "node") has its configuration in $TESTDIR/ssb/PORT/. Servers that come from one another's backups share
# repository and key. Every command of ours, with its exit status, is written to $TESTDIR/ssb/commands: what a test did
# not ask of us it does not prove.
package PostgreSQL::Test::Cluster;
use strict;
use warnings;
no warnings 'redefine';
use PostgreSQL::Test::Cluster ();
use PostgreSQL::Test::Utils   ();

my $ssb = "$ENV{SSB_PROGRAM}";

# Tests that lay into an archive, by cp, what PostgreSQL never hands to archive_command, and what no archive of ours
# takes. It comes from there by cp then, and all other files by `wal get`.
my %refused_rightly = (
	'pg_rewind/001_basic' => 'moves the whole pg_wal into the archive, with the segment that the server was writing',
	'recovery/043_no_contrecord_switch' => 'has written zeros over a page of a segment');

for my $method (qw(get_free_port init init_from_backup enable_archiving enable_restoring _reserve_port can_bind))
{
	die "PostgreSQL::Test::Cluster has no $method any more: mend tests/peers/SpendSyncNodes.pm\n"
	  unless PostgreSQL::Test::Cluster->can($method);
}

sub ssb_directory
{
	my ($self) = @_;
	return "$ENV{TESTDIR}/ssb/" . $self->port;
}

# The node's configuration; made when it is first asked for.
sub ssb_config
{
	my ($self) = @_;
	my $own  = $self->ssb_directory;
	my $root = ($self->{ssb_root} // $self)->ssb_directory;
	my $file = "$own/backup-config.yml";
	return $file if -e $file;
	mkdir $_ for ("$ENV{TESTDIR}/ssb", $own, $root, "$own/reports", "$own/state", "$own/restored", "$root/repository");
	if (!-e "$root/repository.key")
	{
		system("umask 077; openssl rand 32 > '$root/repository.key'") == 0 or die "no key";
	}
	my ($host, $port, $data) = ($self->host, $self->port, $self->data_dir);
	PostgreSQL::Test::Utils::append_to_file($file, <<"YAML");
version: 1
cluster: peers
database: { connection: "host=$host port=$port user=postgres dbname=postgres" }
storage: { primary: { type: directory, path: $root/repository } }
encryption: { keys: [ { type: key-file, path: $root/repository.key } ] }
restore: { target_directory: $own/restored }
state_directory: $own/state
dr_tests: { report_directory: $own/reports }
YAML
	chmod 0600, $file;
	return $file;
}

# A shell command for postgresql.conf that runs ours, notes its status, and ends with it. A % in it must be PostgreSQL's.
sub ssb_noted
{
	my ($self, $words, $what) = @_;
	my $config = $self->ssb_config;
	return qq($ssb --config $config $words; r=\$?; echo "$what \$r" >> $ENV{TESTDIR}/ssb/commands; [ \$r = 0 ]);
}

# Pushes what a test has laid into an archive directory itself; the names of the files that were refused.
sub ssb_push_from_archive
{
	my ($self) = @_;
	my $config = $self->ssb_config;
	my ($test) = $ENV{TESTDIR} =~ m{([^/]+/[^/]+)$};
	my @refused;
	foreach my $path (sort grep { m{/[0-9A-F]{8}[^/]*$} } glob($self->archive_dir . '/*'))
	{
		my $said = `cd '@{[ $self->data_dir ]}' && $ssb --config $config wal push '$path' 2>&1`;
		my $status = $? >> 8;
		PostgreSQL::Test::Utils::append_to_file("$ENV{TESTDIR}/ssb/commands", "push-file $path $status\n");
		print "# wal push $path: $status $said";
		next unless $status;
		die "wal push refuses $path: $said" unless $refused_rightly{$test};
		push @refused, $path =~ s{.*/}{}r;
	}
	return @refused;
}

# Beside other runs, and below what the kernel gives to clients.
sub get_free_port
{
	our ($last_port_assigned, @all_nodes);
	for (1 .. 100)
	{
		$last_port_assigned = 6500 if ++$last_port_assigned > 6599 || $last_port_assigned < 6500;
		my $port = $last_port_assigned;
		next if grep { $_->port == $port } @all_nodes;
		return $port if can_bind('127.0.0.1', $port) && _reserve_port($port);
	}
	die "no free port from 6500 to 6599";
}

my $postgresql_init = \&init;
*init = sub {
	my ($self, @parameters) = @_;
	$self->ssb_config;
	return $postgresql_init->($self, @parameters);
};

my $postgresql_init_from_backup = \&init_from_backup;
*init_from_backup = sub {
	my ($self, $root_node, @parameters) = @_;
	$self->{ssb_root} = $root_node->{ssb_root} // $root_node;
	$self->ssb_config;
	return $postgresql_init_from_backup->($self, $root_node, @parameters);
};

*enable_archiving = sub {
	my ($self) = @_;
	my $push = $self->ssb_noted('wal push "%p"', 'push %f');
	my $archive = $self->archive_dir;
	# cp comes after it, because tests look into that directory. Nothing restores from there.
	$self->append_conf('postgresql.conf', qq(
archive_mode = on
archive_command = '$push && cp "%p" "$archive/%f"'
));
	return;
};

*enable_restoring = sub {
	my ($self, $root_node, $standby) = @_;
	my @refused = $root_node->ssb_push_from_archive;
	my $config  = $root_node->ssb_config;
	my $get = qq($ssb --config $config wal get "%f" "%p"; r=\$?; echo "get %f \$r" >> $ENV{TESTDIR}/ssb/commands; exit \$r);
	my $archive = $root_node->archive_dir;
	$get = "case %f in " . join('|', @refused) . qq[) cp "$archive/%f" "%p";; *) $get;; esac] if @refused;
	$self->append_conf($self->_recovery_file, "restore_command = '$get'\n");
	$standby ? $self->set_standby_mode : $self->set_recovery_mode;
	return;
};

1;
