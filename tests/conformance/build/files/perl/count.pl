#!/usr/bin/perl
use strict;
my %seen;
$seen{$_}++ while <STDIN>;
print "$seen{$_} $_" for sort keys %seen;
